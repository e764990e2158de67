"""Commands that nobody reads any more go on, and end with their own code."""

import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer.streams import LastingFile
from tests.producer.running import (
    REELMILL,
    Desk,
    as_csv,
    desk,
    quick_sandbox,
    rows,
    until,
)


@contextmanager
def deserted_pipe() -> Iterator[int]:
    """The end of a pipe whose other end is closed."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def begun(place: Desk, to: int, *words: object) -> subprocess.Popen[bytes]:
    """A command that writes both of its streams to a descriptor."""
    return subprocess.Popen(
        [REELMILL, *map(str, words)],
        cwd=place.folder,
        env=place.environment,
        stdin=subprocess.DEVNULL,
        stdout=to,
        stderr=to,
    )


def test_a_check_whose_reader_left_still_ends_with_2() -> None:
    with desk() as place, deserted_pipe() as pipe:
        bad = place.write("bad.csv", "id,model,image,prompt\n" + "a,none,b.jpg,c\n" * 9)
        assert begun(place, pipe, "check", bad).wait(60) == 2


def test_a_run_goes_on_without_a_reader_and_watching_does_not() -> None:
    with quick_sandbox(generation_s=4) as sandbox, desk(sandbox) as place:
        manifest = place.write("m.csv", as_csv(rows(sandbox, 3)))
        with deserted_pipe() as pipe:
            run = begun(place, pipe, "run", "--yes", manifest)
            try:
                until((place.home / "worker.log").exists)
                # Nobody looks on: it leaves the batch alone, and says that it is open.
                assert begun(place, pipe, "watch", "--json").wait(60) == 3
            finally:
                code = run.wait(60)
        assert code == 0
        assert place.report()["state"] == "finished"
        assert len(place.videos()) == 3


def test_a_run_whose_terminal_is_gone_keeps_its_report() -> None:
    with quick_sandbox(generation_s=5) as sandbox, desk(sandbox) as place:
        manifest = place.write("m.csv", as_csv(rows(sandbox, 3)))
        terminal, end = pty.openpty()
        words = ("run", "--yes", manifest)
        run = begun(place, end, *words)
        try:
            os.close(end)
            until((place.home / "worker.log").exists)
            os.close(terminal)
            run.send_signal(signal.SIGHUP)
            run.send_signal(signal.SIGHUP)
        finally:
            code = run.wait(60)
        # Two signals may arrive as one: then what is generating is awaited and stored.
        assert code in {0, 3}
        (report,) = place.store.glob("*/report.html")
        assert "</html>" in report.read_text("utf-8")


def test_a_disk_that_fails_is_no_reader_that_left(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"")
    descriptor = os.open(path, os.O_RDONLY)
    with LastingFile(descriptor) as file, pytest.raises(OSError, match="descriptor"):
        file.write(b"a result")
    os.close(descriptor)
