"""The rows of a batch that have no video, as a manifest that can be run as it is.

It decides which rows those are and how a value is written so that the reader of CSV
finds the same value again, and no spreadsheet a formula: only within a prompt, which is
sent as it stands here, one can follow a semicolon. Why a row has no video was
decided in `report`; the document of that is one of its two sources.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from posixpath import join
from typing import Any

from jobs.catalogue import Catalogue
from jobs.catalogue.addresses import is_local
from jobs.catalogue.inputs import Input
from jobs.catalogue.validation import InvalidValueError
from jobs.job import Job
from jobs.manifest.column_mapping import RESERVED_COLUMNS
from jobs.records import JobRecord
from jobs.report.sheet import FORMULA_STARTS, inert
from jobs.states import State
from jobs.text import plain
from jobs.transitions import Ref

#: Reads jobs in the order in which they are named.
Records = Callable[[Iterable[Ref]], Iterable[JobRecord]]

#: What such a manifest is called beside the report.
NAME = "failed.csv"

#: Its own columns, behind all others. A row's own data under these names gives way:
#: it is the reason of an earlier run.
REASON, NEXT_STEP = "reason", "next_step"

#: States of jobs that can be asked for anew. An unresolved one is not among them: its
#: video may exist and be paid.
ASKED_ANEW = frozenset({State.FAILED, State.CANCELLED})

#: A no-break space keeps a text from being a formula in every spreadsheet, and the
#: reader takes it off an input again, as all white space around one.
_GUARD_OF_INPUT = "\u00a0"
#: Decimals that a number in a cell can have.
_MOST_DECIMALS = 15


def failed_csv(
    document: Mapping[str, Any],
    records: Records,
    catalogue: Catalogue,
    folder: str = "",
) -> Iterator[str]:
    """The lines of a manifest of the failed and cancelled rows; none if there are none.

    It begins with a byte order mark, as `report.csv` does. Reading it gives jobs with
    the same id, model and inputs; their own data gains `reason` and `next_step`, and
    an apostrophe in front of what a spreadsheet would take for a formula.

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
    for name in _taken(catalogue):
        own.pop(name, None)
    yield "\ufeff" + _line(
        [*RESERVED_COLUMNS, *inputs, *map(inert, own), REASON, NEXT_STEP]
    )
    for row, record in zip(_left(document), records(_refs(document)), strict=True):
        cells = _cells(record.job, catalogue, folder)
        data = {name.strip(): text for name, text in record.job.data.items()}
        yield _line(
            [
                *(cells.get(name, "") for name in (*RESERVED_COLUMNS, *inputs)),
                *(inert(data.get(name, "")) for name in own),
                *map(inert, _reason(row)),
            ]
        )


def _left(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The rows that can be asked for anew, as the report has them."""
    return (row for row in document["rows"] if row["state"] in ASKED_ANEW)


def _refs(document: Mapping[str, Any]) -> Iterator[Ref]:
    return (Ref(document["batch"], row["id"]) for row in _left(document))


def _taken(catalogue: Catalogue) -> Iterator[str]:
    """Names that no column of a row's own data has."""
    yield from ("", REASON, NEXT_STEP, *RESERVED_COLUMNS)
    for model in catalogue.models.values():
        yield from model.inputs


def _reason(row: Mapping[str, Any]) -> tuple[str, str]:
    """Why there is no video, and what to do about it."""
    error = row.get("error") or {}
    if row["state"] == State.CANCELLED:
        return error.get(
            "message"
        ) or "It was cancelled.", "Run this file to render it."
    return error.get("message") or "It failed.", error.get("next_step") or ""


def _cells(job: Job, catalogue: Catalogue, folder: str) -> dict[str, str]:
    """A job's columns but for its own data."""
    model = catalogue.models.get(job.model)
    known = model.inputs if model else {}
    cells = {"id": job.id, "model": job.model}
    for name, value in job.inputs.items():
        spec = known.get(name)
        there = _placed(value, folder) if spec and spec.is_picture else value
        text = _cell(there, spec)
        starts_formula = text.startswith(FORMULA_STARTS)
        cells[name] = _GUARD_OF_INPUT + text if starts_formula else text
    return cells


def _placed(value: object, folder: str) -> object:
    """Addresses of pictures, with relative paths made absolute."""
    if isinstance(value, list):
        return [_placed(each, folder) for each in value]
    text = str(value)
    return join(folder, text) if is_local(text) else text


def _cell(value: object, spec: Input | None) -> str:
    """The first way to write a value that is read as the same value again."""
    ways = list(_ways(value, spec)) or [plain(value)]
    for text in ways:
        if spec and _is_read_as(spec, text, value):
            return text
    return ways[-1]


def _is_read_as(spec: Input, text: str, value: object) -> bool:
    try:
        return bool(spec.read(text) == value)
    except InvalidValueError:
        return False


def _ways(value: object, spec: Input | None) -> Iterator[str]:
    """How a value could be written in a cell, the way for people first."""
    match value:
        case str():
            yield value
        case bool():
            yield "true" if value else "false"
        case int():
            yield str(value)
        case float():
            # Never with an exponent, which a cell cannot have.
            yield f"{round(Decimal(repr(value)), _MOST_DECIMALS):f}"
        case list() if spec and spec.item:
            item = spec.item
            yield " | ".join("".join(_short(each, item)) for each in value)
            yield json.dumps(value, ensure_ascii=False)


def _short(value: object, spec: Input) -> Iterator[str]:
    """An item of a list as a person writes it: a text, or `text @ 5s`."""
    if not isinstance(value, Mapping):
        yield str(value)
        return
    first, *others = spec.fields
    yield str(value.get(first, ""))
    for name in others:
        if name in value:
            yield f" @ {value[name]}s"


def _line(cells: list[str]) -> str:
    line = io.StringIO()
    # White space at either end of one's own data counts, so everything is quoted.
    csv.writer(line, quoting=csv.QUOTE_ALL).writerow(cells)
    return line.getvalue()
