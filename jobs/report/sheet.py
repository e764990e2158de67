"""A report, or a statement, as a table for a spreadsheet.

It turns documents into CSV and sees to it that nothing a manifest or the provider says
is run as a formula, whichever character the reader takes for the separator, and that
nothing hides or turns what stands beside it. It adds nothing up: `document` and
`statement` did.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobs.labels import told
from jobs.report.page_words import visible
from jobs.report.statement import FIGURES

#: Columns that every report has; the row's own follow as `data.<name>`.
COLUMNS = (
    "id",
    "line",
    "state",
    "model",
    "duration_s",
    "options",
    "prompt",
    "image",
    "video",
    "bytes",
    "sha256",
    "prediction_id",
    "attempts",
    "generated_s",
    "estimated_usd",
    "charged_usd",
    "refunded_usd",
    "error",
    "message",
    "next_step",
)

#: Columns of a statement. `by` says what a line is a sum of: all, a batch, a model or
#: a label; `without label` is that of the batches that have no such label. What is
#: `left out` has a line without numbers; `note` says why, or of a batch that was not
#: read job by job what was wrong with it.
STATED = (
    "by",
    "name",
    "value",
    "created_at",
    "manifest",
    "labels",
    "batches",
    *FIGURES,
    "note",
)

#: What a spreadsheet takes for the beginning of a formula, in half and full width.
FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")

#: Where the list separator of a country is `;`, Excel opens a file with commas at
#: every `;` and every line end, within quotes too, and what follows begins a cell.
_SEPARATORS = "[;\t\r\n\v\f\x85\u2028\u2029]"

#: What may stand before a formula and does not count: quotes, blanks, marks that are
#: not seen.
_UNSEEN = '[\\s"\u00ad\u061c\u200b-\u200f\u2060-\u2064\ufeff]*'

_FORMULA = re.compile(f"({_UNSEEN})([=+\\-@\uff0b\uff0d\uff1d\uff20])")
_WITHIN = re.compile(f"({_SEPARATORS}{_UNSEEN})(?=[=+\\-@\uff0b\uff0d\uff1d\uff20])")


def csv_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The rows as a table for a spreadsheet, line by line.

    It begins with a byte order mark, without which Excel reads UTF-8 as the code page
    of its country; programs that read it take `utf-8-sig`. Text that a spreadsheet
    would run as a formula gets an apostrophe in front, and control characters and
    marks that turn the direction of writing become visible signs.
    """
    rows = document["rows"]
    own = list(dict.fromkeys(name for row in rows for name in row["data"]))
    yield "\ufeff" + csv_line([*COLUMNS, *(f"data.{name}" for name in own)])
    for row in rows:
        flat = _flat(row)
        fixed = [flat.get(name) for name in COLUMNS]
        yield csv_line(fixed + [row["data"].get(name) for name in own])


def as_csv(document: Mapping[str, Any]) -> str:
    """The rows as a table for a spreadsheet: see `csv_lines`."""
    return "".join(csv_lines(document))


def statement_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A statement as a table: one line for all, each batch, each model and each label.

    The lines of one kind add up to the first one; to add up the whole column counts
    everything several times.
    """
    yield "\ufeff" + csv_line(STATED)
    for line in _stated(document):
        yield csv_line(line.get(name) for name in STATED)


def _stated(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield document["total"] | {"by": "all"}
    notes = {one["batch"]: one["why"] for one in document["inexact"]}
    for line in document["by_batch"]:
        own = {"labels": told(line["labels"]), "note": notes.get(line["batch"])}
        yield line | own | {"by": "batch", "name": line["batch"]}
    for line in document["by_model"]:
        yield line | {"by": "model", "name": line["model"] or "unknown"}
    for line in document["by_label"]:
        by = "without label" if line["value"] is None else "label"
        yield line | {"by": by, "name": line["label"]}
    yield from _left_out(document)


def _left_out(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What is in no sum: batches nobody could read, and those of other accounts."""
    for one in document["inexact"]:
        if not one["counted"]:
            yield {"by": "left out", "name": one["batch"], "note": one["why"]}
    for other in document.get("other_accounts", ()):
        note = "batches of another account"
        named = {"name": other["account"], "batches": other["batches"]}
        yield {"by": "left out", "note": note} | named


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


def csv_line(values: Iterable[object]) -> str:
    """One line of a table; see `csv_lines`."""
    line = io.StringIO()
    csv.writer(line).writerow([_cell(value) for value in values])
    return line.getvalue()


def _cell(value: object) -> str:
    """A value as text that no spreadsheet runs."""
    return inert("" if value is None else visible(str(value)))


def inert(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet would begin a formula."""
    guarded = _WITHIN.sub(r"\1'", text)
    return f"'{guarded}" if _begins_formula(guarded) else guarded


def _begins_formula(text: str) -> bool:
    return text.startswith(FORMULA_STARTS) or bool(_FORMULA.match(text))
