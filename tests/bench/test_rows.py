"""The manifest that is measured with is in order, and always the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.rows import write_manifest
from jobs.catalogue import builtin
from jobs.job import Job
from producer.reading import Options, plan

ROOT = Path(__file__).parents[2]


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_every_row_of_it_is_a_job(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.csv", 600)
    found = list(plan(tmp_path / "m.csv", Options(), builtin()))
    assert [str(one) for one in found if not isinstance(one, Job)] == []
    assert len(found) == 600
    assert len({job.model for job in found if isinstance(job, Job)}) == 4


def test_it_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        write_manifest(tmp_path / name, 50)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_it_prints_rows_a_second_and_memory_and_keeps_them(tmp_path: Path) -> None:
    file = tmp_path / "numbers.json"
    run = bench("rows", "--rows", "300", "--json", str(file))
    assert run.returncode == 0, run.stderr
    numbers = json.loads(file.read_text("utf-8"))
    assert numbers["rows"] == 300
    assert numbers["rows_per_s"] > 0
    assert numbers["peak_bytes"] > 1_000_000
    for name in ("rows per s", "peak mb"):
        assert name in run.stdout


@pytest.mark.parametrize("count", ["0", "-5", "many"])
def test_a_number_of_rows_has_to_be_one(count: str) -> None:
    run = bench("rows", f"--rows={count}")
    assert run.returncode == 2
    assert "no number of rows" in run.stderr
