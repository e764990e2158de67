"""Measurements are of the command that was run, and of nothing that failed."""

import sys

import pytest

from bench.measuring import Failed, measure


def test_a_command_that_holds_more_memory_shows_it() -> None:
    little = measure([sys.executable, "-c", "pass"])
    much = measure([sys.executable, "-c", "b'x' * 300_000_000"])
    assert much.peak_bytes > 300_000_000
    assert little.peak_bytes < much.peak_bytes


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
