"""Whatever becomes of who decodes a foreign file, it never costs a worker."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.producer.running import children, ended, until
from tests.worker.test_mp4 import FILMS
from worker import decoder
from worker.decoder import DecodeError


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "new\nline ü.mp4"
    path.write_bytes(FILMS["with sound"])
    return path


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> "Child":
    return Child(monkeypatch)


@pytest.fixture(autouse=True)
def another() -> Iterator[None]:
    """A child of its own for each test."""
    decoder.close()
    yield
    decoder.close()


#: A child that answers something else; `answer` is what it does in life.
INSTEAD = """
import os, signal, sys
from worker import decoding
answer = decoding.answer
def instead(*words):
    {}
decoding.answer = instead
decoding.serve()
"""


class Child:
    """Puts something else in the place of what decodes."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def does(self, code: str) -> None:
        """Let it do this instead."""
        command = (sys.executable, "-P", "-c", INSTEAD.format(code))
        self._patch.setattr(decoder, "COMMAND", command)

    def why(self, video: Path, code: str) -> str:
        """Why there is no poster where it does this instead."""
        self.does(code)
        with pytest.raises(DecodeError) as raised:
            decoder.poster(video)
        return str(raised.value)


def test_films_are_decoded_by_one_child(
    video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(children(os.getpid()))
    for name in ("av", "PIL.Image"):
        monkeypatch.setitem(sys.modules, name, None)
    for _ in range(2):
        assert decoder.poster(video).startswith(b"\xff\xd8")
        (own,) = set(children(os.getpid())) - before
    assert children(own) == []
    # A first frame tells whose a prediction is: no other file shares its decoder.
    assert len(decoder.first_frame(video).pixels) == 3 * decoder.SIDE_PX**2
    assert set(children(os.getpid())) <= before
    decoder.close()
    assert set(children(os.getpid())) <= before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its decoder broke (exit code -11)"),
        ("os._exit(0)", "its decoder broke (exit code 0)"),
        ("return {'poster': 'x' * (3 << 20)}", "its decoder had to be killed"),
        ("return []", "cannot be read"),
        ("return {'poster': 5}", "cannot be read"),
        ("print('{}'); return {'why': 'dull'}", "dull"),
        ("while True: pass", "it takes longer than 4 s"),
        ("open(words[1] + 'x', 'wb', 0).write(b'x')", "exit code 1"),
        ("bytearray(decoding.MAX_MEMORY_BYTES)", "it needs more than 640 MB of memory"),
    ],
)
def test_one_that_dies_or_lies_makes_no_poster_and_the_next_file_has_one(
    child: Child, video: Path, code: str, said: str
) -> None:
    bad = video.with_name("bad.mp4")
    bad.write_bytes(b"")
    once = f"if 'bad.mp4' not in words[1]: return answer(*words)\n    {code}"
    assert said in child.why(bad, once)
    assert decoder.poster(video).startswith(b"\xff\xd8")


def test_a_child_that_hangs_is_killed(
    child: Child, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "START_S", 0.1)
    monkeypatch.setattr(decoder, "MAX_S", 0.1)
    words = child.why(video, "while True: signal.pause()")
    assert words == "its decoder had to be killed"


def test_a_child_ends_a_file_that_hangs_by_itself(child: Child, video: Path) -> None:
    code = "decoding._set_alarms(0, 0.1); signal.pause()"
    assert child.why(video, code) == "it takes longer than 20 s"


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"aspect": 1.0, "length_s": 5.0, "pixels": "AAAA"},
        {"aspect": "wide", "length_s": 5.0, "pixels": "A" * 4_096},
        {"shrunk": ["A" * 4_096, "A"]},
    ],
)
def test_what_one_lies_of_a_picture_is_not_believed(
    child: Child, video: Path, told: dict[str, object]
) -> None:
    child.does(f"return {told}")
    with pytest.raises(DecodeError, match="cannot be read"):
        decoder.first_frame(video)
    with pytest.raises(DecodeError, match="cannot be read"):
        decoder.shrunk(video, [1.0, 2.0])


def test_one_that_cannot_start_makes_no_poster(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder, "COMMAND", (str(tmp_path / "none"),))
    with pytest.raises(DecodeError, match="there is no decoder"):
        decoder.poster(video)


def test_it_is_told_no_secret(
    child: Child, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAVESPEED_API_KEY", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    seen = child.why(video, "return {'why': ' '.join(os.environ)}")
    assert not set(seen.split()) - {
        *decoder.PASSED_ON,
        "PYTHONPATH",
        "LC_CTYPE",
        "OPENBLAS_NUM_THREADS",
    }


def test_a_library_that_does_not_work_is_named(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "av.py").write_text("raise ImportError('libx is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(DecodeError, match="the extra video does not work: libx"):
        decoder.poster(video)


def test_the_child_ends_with_the_worker(video: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from worker import decoder
decoder.poster(Path({str(video)!r}))
print(decoder._CHILD.process.pid, flush=True)
sys.stdin.read()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True
    ) as worker:
        assert worker.stdout
        child = int(worker.stdout.readline())
        assert not ended([child])
        worker.kill()
    until(lambda: ended([child]))
