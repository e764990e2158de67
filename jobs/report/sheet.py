"""The report of a batch as a table for a spreadsheet, one line a job.

It turns the document of `report` into CSV and sees to it that nothing a manifest or
the provider says is run as a formula. It adds nothing up: its neighbour `report` did.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

#: Columns that every report has; the row's own follow as `data.<name>`.
COLUMNS = (
    "id",
    "line",
    "state",
    "model",
    "duration_s",
    "prompt",
    "image",
    "video",
    "bytes",
    "sha256",
    "prediction_id",
    "attempts",
    "estimated_usd",
    "charged_usd",
    "refunded_usd",
    "error",
    "message",
    "next_step",
)

#: What a spreadsheet takes for the beginning of a formula, in half and full width.
FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def csv_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The rows as a table for a spreadsheet, line by line.

    It begins with a byte order mark, without which Excel reads UTF-8 as something
    else. Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    rows = document["rows"]
    own = list(dict.fromkeys(name for row in rows for name in row["data"]))
    yield "\ufeff" + _line([*COLUMNS, *(f"data.{name}" for name in own)])
    for row in rows:
        flat = _flat(row)
        fixed = [flat[name] for name in COLUMNS]
        yield _line(fixed + [row["data"].get(name) for name in own])


def as_csv(document: Mapping[str, Any]) -> str:
    """The rows as a table for a spreadsheet: see `csv_lines`."""
    return "".join(csv_lines(document))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose attempts are counted and whose error is three columns."""
    error = row["error"] or {}
    return {
        **row,
        "attempts": len(row["attempts"]),
        "error": error.get("code"),
        "message": error.get("message"),
        "next_step": error.get("next_step"),
    }


def _line(values: list[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_cell(value) for value in values])
    return line.getvalue()


def _cell(value: object) -> str:
    """A value as text that no spreadsheet runs."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
