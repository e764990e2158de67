"""Reports as tables: `report.csv`, a statement, and `failed.csv` to be run again.

Nothing that a manifest or the provider says is run as a formula, whichever character
the reader takes for the separator, and nothing hides or turns what stands beside it.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from posixpath import join
from typing import Any

from jobs import labels
from jobs.catalogue import Catalogue
from jobs.catalogue.addresses import is_local
from jobs.catalogue.inputs import Input
from jobs.catalogue.validation import InvalidValueError
from jobs.job import Job
from jobs.manifest.rows import RESERVED_COLUMNS
from jobs.records import JobRecord
from jobs.report.statement import FIGURES
from jobs.states import State
from jobs.text import plain, visible_block
from jobs.transitions import Ref

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
    "quality",
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
STATEMENT_COLUMNS = (
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

#: Reads jobs in the order in which they are named.
Records = Callable[[Iterable[Ref]], Iterable[JobRecord]]

#: What the manifest of what failed is called beside the report.
FAILED_NAME = "failed.csv"

#: Its own columns, behind all others. A row's own data under these names gives way:
#: it is the reason of an earlier run.
REASON, NEXT_STEP = "reason", "next_step"

#: States of jobs that can be asked for anew. An unresolved one is not among them: its
#: video may exist and be paid.
ASKED_ANEW = frozenset({State.FAILED, State.CANCELLED})

#: Without a byte order mark Excel reads UTF-8 as the code page of its country; programs
#: that read it take `utf-8-sig`.
MARK = "\ufeff"

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

#: A no-break space keeps a text from being a formula in every spreadsheet, and the
#: reader takes it off an input again, as all white space around one.
_GUARD_OF_INPUT = "\u00a0"

#: Decimals that a number in a cell can have.
_MAX_DECIMALS = 15


def csv_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """The rows as a table for a spreadsheet, line by line.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, and
    control characters and marks that turn the direction of writing are written as
    escapes.
    """
    rows = document["rows"]
    own = list(dict.fromkeys(name for row in rows for name in row["data"]))
    yield MARK + csv_line([*COLUMNS, *(f"data.{name}" for name in own)])
    for row in rows:
        error = row["error"] or {}
        flat = {
            **row,
            "attempts": len(row["attempts"]),
            "quality": (row["quality"] or {}).get("verdict"),
            "error": error.get("code"),
            "message": error.get("message"),
            "next_step": error.get("next_step"),
        }
        fixed = [flat[name] for name in COLUMNS]
        yield csv_line(fixed + [row["data"].get(name) for name in own])


def statement_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A statement as a table: one line for all, each batch, each model and each label.

    The lines of one kind add up to the first one; to add up the whole column counts
    everything several times.
    """
    yield MARK + csv_line(STATEMENT_COLUMNS)
    for line in _statement_rows(document):
        yield csv_line(line.get(name) for name in STATEMENT_COLUMNS)


def _statement_rows(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield document["total"] | {"by": "all"}
    notes = {one["batch"]: one["why"] for one in document["inexact"]}
    for line in document["by_batch"]:
        own = {"labels": labels.told(line["labels"]), "note": notes.get(line["batch"])}
        yield line | own | {"by": "batch", "name": line["batch"]}
    for line in document["by_model"]:
        yield line | {"by": "model", "name": line["model"] or "unknown"}
    for line in document["by_label"]:
        by = "without label" if line["value"] is None else "label"
        yield line | {"by": by, "name": line["label"]}
    for one in document["inexact"]:
        if not one["counted"]:
            yield {"by": "left out", "name": one["batch"], "note": one["why"]}
    for other in document.get("other_accounts", ()):
        note = "batches of another account"
        named = {"name": other["account"], "batches": other["batches"]}
        yield {"by": "left out", "note": note} | named


def csv_line(values: Iterable[object]) -> str:
    """One line of a table in which no value is run as a formula."""
    cells = [
        "" if value is None else without_formula(visible_block(str(value)))
        for value in values
    ]
    return _line(cells)


def without_formula(text: str) -> str:
    """The text with an apostrophe wherever a spreadsheet would begin a formula."""
    guarded = _WITHIN.sub(r"\1'", text)
    begins = guarded.startswith(FORMULA_STARTS) or _FORMULA.match(guarded)
    return f"'{guarded}" if begins else guarded


def manifest_line(cells: Iterable[str]) -> str:
    """One line of a manifest; white space at either end of a cell counts."""
    return _line(cells, csv.QUOTE_ALL)


def _line(cells: Iterable[str], quoting: Any = csv.QUOTE_MINIMAL) -> str:
    line = io.StringIO()
    csv.writer(line, quoting=quoting).writerow(cells)
    return line.getvalue()


def failed_csv(
    document: Mapping[str, Any],
    records: Records,
    catalogue: Catalogue,
    folder: str = "",
) -> Iterator[str]:
    """The lines of a manifest of the failed and cancelled rows; none if there are none.

    Reading it gives jobs with the same id, model and inputs; their own data gains
    `reason` and `next_step`, and an apostrophe in front of what a spreadsheet would
    take for a formula. Within a prompt, which is sent as it stands here, a formula can
    still follow a semicolon.

    Args:
        document: the report of the batch, as `report` made it.
        records: reads jobs again, each when its line is made.
        catalogue: the models they are for.
        folder: what relative paths of pictures start from, as an absolute path; they
            would mean another place beside a report.
    """
    if not any(_left(document)):
        return
    inputs: dict[str, None] = {}
    own: dict[str, None] = {}
    for record in records(_refs(document)):
        inputs.update(dict.fromkeys(record.job.inputs))
        own.update(dict.fromkeys(name.strip() for name in record.job.data))
    taken = {name for model in catalogue.models.values() for name in model.inputs}
    for name in ("", REASON, NEXT_STEP, *RESERVED_COLUMNS, *taken):
        own.pop(name, None)
    names = [*RESERVED_COLUMNS, *inputs]
    header = [*names, *map(without_formula, own), REASON, NEXT_STEP]
    yield MARK + manifest_line(header)
    for row, record in zip(_left(document), records(_refs(document)), strict=True):
        cells = _cells(record.job, catalogue, folder)
        data = {name.strip(): text for name, text in record.job.data.items()}
        others = [*(data.get(name, "") for name in own), *_reason(row)]
        line = [*(cells.get(name, "") for name in names), *map(without_formula, others)]
        yield manifest_line(line)


def _left(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rows that can be asked for anew, as the report has them."""
    return (row for row in document["rows"] if row["state"] in ASKED_ANEW)


def _refs(document: Mapping[str, Any]) -> Iterator[Ref]:
    return (Ref(document["batch"], row["id"]) for row in _left(document))


def _reason(row: Mapping[str, Any]) -> tuple[str, str]:
    """Why there is no video, and what to do about it."""
    error = row["error"] or {}
    if row["state"] == State.CANCELLED:
        words = error.get("message") or "It was cancelled."
        return words, "Run this file to render it."
    return error.get("message") or "It failed.", error.get("next_step") or ""


def _cells(job: Job, catalogue: Catalogue, folder: str) -> dict[str, str]:
    """A job's columns but for its own data."""
    model = job.model_in(catalogue)
    known = model.inputs if model else {}
    cells = {"id": job.id, "model": job.model}
    for name, value in job.inputs.items():
        spec = known.get(name)
        there = _placed(value, folder) if spec and spec.is_picture else value
        cells[name] = guarded(_cell(there, spec))
    return cells


def guarded(text: str) -> str:
    """A cell of a manifest that no spreadsheet runs and that is read as the same."""
    return _GUARD_OF_INPUT + text if text.startswith(FORMULA_STARTS) else text


def _placed(value: object, folder: str) -> object:
    """Addresses of pictures, with relative paths made absolute."""
    if isinstance(value, list):
        return [_placed(each, folder) for each in value]
    text = str(value)
    return join(folder, text) if is_local(text) else text


def _cell(value: object, spec: Input | None) -> str:
    """A value as a cell that is read as the same value again."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            # Never with an exponent, which a cell cannot have.
            return f"{round(Decimal(repr(value)), _MAX_DECIMALS):f}"
        case list() if spec:
            text = " | ".join(map(str, value))
            with suppress(InvalidValueError):
                if spec.read(text) == value:
                    return text
    return plain(value)
