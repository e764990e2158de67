"""What checking a table costs: CPU seconds and memory of `reelmill check --no-look`.

The table is an export of many rows, made of the sample, as CSV and as a workbook.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl

from bench.processes import MeasuringError

_SAMPLE = Path(__file__).parents[1] / "jobs" / "samples" / "shopify.csv"
_COMMAND = (sys.executable, "-m", "producer", "check", "--no-look")
_OPTIONS = ("--model", "kling-v2.6-std", "--prompt", "{{ title }} turns slowly")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be chosen for this question."""
    parser.add_argument("--rows", type=int, default=24_000)


def answer(asked: argparse.Namespace) -> dict[str, Any]:
    """Check a table in each form."""
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as folder:
        text, book = Path(folder, "shop.csv"), Path(folder, "shop.xlsx")
        with text.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(_rows(asked.rows))
        made = openpyxl.Workbook(write_only=True)
        sheet = made.create_sheet()
        for row in _rows(asked.rows):
            sheet.append([cell or None for cell in row])
        made.save(book)
        found = _measured(text) | _measured(book)
    return {"question": "checking a table", "rows": asked.rows, **found}


def _rows(count: int) -> Iterator[list[str]]:
    """The header, and products of the sample again and again under other names."""
    with _SAMPLE.open(encoding="utf-8", newline="") as file:
        header, *sample = csv.reader(file)
    yield header
    for number in range(count):
        handle, *others = sample[number % len(sample)]
        yield [f"{handle}-{number // len(sample)}", *others]


def _measured(path: Path) -> dict[str, float]:
    command = [*_COMMAND, str(path), *_OPTIONS]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise MeasuringError(f"{path.name} cannot be checked: status {status}")
    cpu_s, form = used.ru_utime + used.ru_stime, path.suffix[1:]
    return {f"{form}_cpu_s": round(cpu_s, 1), f"{form}_mb": used.ru_maxrss // 1024}
