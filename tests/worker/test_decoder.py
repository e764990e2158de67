"""Whatever becomes of who makes posters, it costs a poster and never a worker."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest

from tests.producer.running import children, ended, until
from tests.worker.test_mp4 import FILMS
from worker import decoder
from worker.decoder import Decoder
from worker.frames import DecodeError


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "new\nline ü.mp4"
    path.write_bytes(FILMS["with sound"])
    return path


def answering(code: str) -> Decoder:
    """One whose child does this once it was asked."""
    start = "import json, os, signal, sys; print({}, flush=True); input()\n"
    return Decoder((sys.executable, "-P", "-c", start + code))


def why(who: Decoder, video: Path) -> str:
    with pytest.raises(DecodeError) as raised:
        who.poster(video)
    who.close()
    return str(raised.value)


def test_a_film_that_hangs_holds_nobody_up_for_long(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "LONGEST_S", 2.0)
    monkeypatch.setattr(decoder, "QUEUE_S", 1.0)
    who = Decoder()
    assert who.poster(video).startswith(b"\xff\xd8")
    # To open it takes until somebody writes, so for ever.
    hanging = tmp_path / "hanging.mp4"
    os.mkfifo(hanging)
    with ThreadPoolExecutor(1) as thread:
        hung = thread.submit(why, who, hanging)
        # Whoever comes first: in the end it is the film that hangs.
        with pytest.raises(DecodeError, match="other files take too long"):
            list(map(who.poster, repeat(video)))
        assert hung.result() == "its decoder had to be killed"
    monkeypatch.undo()
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(who.poster, [video] * 8))
    assert len(made) == 1
    who.close()


def test_a_film_that_takes_too_much_of_the_processor_ends_its_decoder(
    video: Path,
) -> None:
    busy = answering("signal.setitimer(signal.ITIMER_PROF, 0.05)\nwhile True: pass")
    assert why(busy, video) == "it takes longer than 2 s"


def test_a_child_that_heeds_no_alarm_is_killed(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "LONGEST_S", 0.5)
    stuck = answering("while True: signal.pause()")
    assert why(stuck, video) == "its decoder had to be killed"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its decoder broke (exit code -11)"),
        ("", "its decoder broke (exit code 0)"),
        ("print('{')", "its decoder broke (exit code 0)"),
        ("print([])", "its decoder broke (exit code 0)"),
        ("print('{\"poster\": 5}')", "its decoder broke (exit code 0)"),
        ("while True: print(end='x' * 9999)", "its decoder had to be killed"),
        ("print(json.dumps({'why': 'dull'}))", "dull"),
    ],
)
def test_one_that_dies_or_lies_makes_no_poster(
    video: Path, code: str, said: str
) -> None:
    assert why(answering(code), video) == said


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"aspect": 1.0, "length_s": 5.0, "pixels": "AAAA"},
        {"aspect": "wide", "length_s": 5.0, "pixels": "A" * 4_096},
        {"shrunk": []},
        {"shrunk": ["A" * 4_096, "A"]},
    ],
)
def test_what_one_lies_of_a_picture_is_not_believed(
    video: Path, told: dict[str, object]
) -> None:
    who = answering(f"print(json.dumps({told}))")
    with pytest.raises(DecodeError, match="its decoder broke"):
        who.first_frame(video)
    with pytest.raises(DecodeError, match="its decoder broke"):
        who.shrunk(video, [1.0, 2.0])
    who.close()


def test_one_that_cannot_start_makes_no_poster(tmp_path: Path, video: Path) -> None:
    assert "there is no decoder" in why(Decoder((str(tmp_path / "none"),)), video)
    assert "there is no decoder" in why(Decoder((sys.executable, "-c", "")), video)


def test_it_has_little_memory_and_writes_nothing(video: Path, tmp_path: Path) -> None:
    greedy = """
from worker import decoder
decoder.limit()
try:
    bytearray(decoder.MOST_MEMORY_BYTES)
except MemoryError:
    sys.exit(decoder.NO_MEMORY)
"""
    assert why(answering(greedy), video) == "it needs more than 640 MB of memory"
    writing = f"""
from worker import decoder
decoder.limit()
open({str(tmp_path / "written")!r}, "w").write("x")
"""
    assert "broke" in why(answering(writing), video)
    assert not (tmp_path / "written").read_bytes()


def test_it_is_told_no_secret(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAVESPEED_API_KEY", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    seen = why(answering("print(json.dumps({'why': ' '.join(os.environ)}))"), video)
    assert not set(seen.split()) - {*decoder.PASSED_ON, "PYTHONPATH", "LC_CTYPE"}


def test_a_library_that_does_not_work_is_named(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "av.py").write_text("raise ImportError('libx is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    said = "the extra video does not work: libx is missing"
    assert why(Decoder(), video) == said


def test_one_that_was_killed_while_idle_is_replaced(video: Path) -> None:
    who = Decoder()
    before = set(children(os.getpid()))
    made = who.poster(video)
    (child,) = set(children(os.getpid())) - before
    os.kill(child, signal.SIGKILL)
    # All of its threads, or it could still be taken for one at work; not reaped.
    how = os.WEXITED | os.WNOWAIT | os.WNOHANG
    until(lambda: os.waitid(os.P_PID, child, how))
    assert who.poster(video) == made
    who.close()


def test_it_dies_with_its_worker(video: Path) -> None:
    worker = """
import signal, sys
from pathlib import Path
from worker.decoder import decoder
decoder().poster(Path(sys.argv[1]))
print(decoder()._child.pid, flush=True)
signal.pause()
"""
    command = (sys.executable, "-c", worker, str(video))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert not ended([child])
        parent.send_signal(signal.SIGKILL)
    until(lambda: ended([child]))
