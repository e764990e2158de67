"""Measurements are of the command that was run, and of nothing that failed."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.measuring import Failed, measure

ROOT = Path(__file__).parent.parent.parent

#: Measures what its argument says, from a process that is small as a bench's is.
MEASURING = """
import sys
from bench.measuring import measure
print(measure([sys.executable, "-c", sys.argv[1]]).peak_bytes)
"""


def peak_bytes(code: str) -> int:
    words = [sys.executable, "-c", MEASURING, code]
    return int(subprocess.check_output(words, cwd=ROOT, text=True))


def test_a_command_that_holds_more_memory_shows_it() -> None:
    much_bytes = peak_bytes("b'x' * 300_000_000")
    assert much_bytes > 300_000_000
    assert peak_bytes("pass") < much_bytes / 2


def test_what_its_children_compute_counts() -> None:
    inner = "import sys; sum(range(10**7))"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    taken = measure([sys.executable, "-c", outer])
    assert taken.cpu_s > measure([sys.executable, "-c", "pass"]).cpu_s


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(Failed, match=r"ended with 3:\nno such thing"):
        measure(
            [sys.executable, "-c", "import sys; print('no such thing'); sys.exit(3)"]
        )
