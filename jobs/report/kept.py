"""A kept `report.json` read back, row by row, where the job records are deleted.

It relies on what `document.json_chunks` writes: the rows come last, each on a line of
its own, so that a report of any size is read in little memory. It believes nothing of
what it reads; sums are compared with the ledger's by `statement`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

#: The line after which the rows come, the one that ends them, and that of no rows.
_ROWS, _END, _NO_ROWS = b'"rows": [', b"]", b'"rows": []'


class ReportFileError(ValueError):
    """A file that is no report, or not whole."""


def rows_of(lines: Iterable[bytes], batch_id: str) -> Iterator[Mapping[str, Any]]:
    """The rows of the report of a batch, read as they are needed.

    Raises:
        ReportFileError: it is none, of another batch, or cut off; the last of these is
            known only at its end.
    """
    rest = iter(lines)
    _, has_rows = _head_of(rest, batch_id)
    if not has_rows:
        return
    for line in rest:
        text = line.strip()
        if text == _END:
            return
        row = _read(text.removesuffix(b","))
        if not isinstance(row, dict):
            raise ReportFileError("a row of it cannot be read")
        yield row
    raise ReportFileError("it is cut off: its end is missing")


def head_of(lines: Iterable[bytes], batch_id: str) -> Mapping[str, Any]:
    """The report of a batch without its rows, of which none is read.

    Raises:
        ReportFileError: it is none, or of another batch.
    """
    return _head_of(iter(lines), batch_id)[0]


def _head_of(lines: Iterator[bytes], batch_id: str) -> tuple[Mapping[str, Any], bool]:
    before, has_rows = _before_rows(lines)
    head = _read(before + b"}")
    if not isinstance(head, dict) or head.get("batch") != batch_id:
        raise ReportFileError(f"it is no report of {batch_id}")
    return head, has_rows


def _before_rows(lines: Iterator[bytes]) -> tuple[bytes, bool]:
    """What stands before the rows, not closed, and whether there are any."""
    before: list[bytes] = []
    for line in lines:
        if line.strip() in (_ROWS, _NO_ROWS):
            text = b"".join(before).rstrip().removesuffix(b",")
            return text, line.strip() == _ROWS
        before.append(line)
    raise ReportFileError("it has no rows")


def _read(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportFileError(f"it cannot be read: {error}") from None
