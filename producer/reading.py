"""Reading a manifest: from a file to jobs and problems, one row at a time.

It decides how a file is opened and which of `reading_csv`, `reading_jsonl` and
`reading_yaml` takes it apart; what a row means is decided in `jobs.manifest`. Nothing a
person can do to a file ends in an exception here: it ends in a problem.
"""

import codecs
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO, TypeAlias

from jobs.catalogue import Catalogue
from jobs.columns import Columns
from jobs.job import Job
from jobs.manifest import Manifest
from jobs.rows import Defaults, Problem, Row
from jobs.wording import choice, shown
from producer.reading_csv import read_csv
from producer.reading_jsonl import read_jsonl
from producer.reading_text import Unreadable, line_of_bad_bytes
from producer.reading_yaml import read_yaml

#: What a format's reader yields.
Record: TypeAlias = Row | Defaults | Problem
_Reader: TypeAlias = Callable[[str, TextIO], Iterator[Record]]

_BOMS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_SPREADSHEETS = {".xlsx", ".xls", ".ods", ".numbers"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line adds to a manifest."""

    #: Model of rows that name none; id, short name or alias.
    model: str | None = None
    #: Values for what rows leave empty; they win over the defaults of the file.
    set: Mapping[str, str] = field(default_factory=dict)
    #: Template of the store keys; None is `{batch}/{id}.mp4`.
    key: str | None = None
    #: How the text of the file is encoded, by Python's names.
    encoding: str = "utf-8"


def plan(path: Path, options: Options, catalogue: Catalogue) -> Iterator[Job | Problem]:
    """The jobs of a manifest, and every problem of it, as they are read.

    A manifest may only be used if no problem comes. A row with a problem yields no job
    but the reading goes on behind it wherever the format allows.
    """
    values: dict[str, object] = dict(options.set)
    if options.model is not None:
        values["model"] = options.model
    manifest = Manifest(catalogue, values, options.key)
    if manifest.problems:
        yield from manifest.problems
        return
    empty = True
    for record in _records(path, options.encoding, Columns(catalogue)):
        if isinstance(record, Row):
            empty = False
            outcome = manifest.plan(record)
            if isinstance(outcome, Job):
                yield outcome
            else:
                yield from outcome
        elif isinstance(record, Defaults):
            yield from manifest.fill(record)
        else:
            empty = False
            yield record
    if empty:
        yield _whole(path, "no-rows", "it has no rows", "write one row for each video")


def _records(path: Path, encoding: str, columns: Columns) -> Iterator[Record]:
    """The records of a file; whatever keeps it from being read is the last of them."""
    problem = _unusable(path, encoding)
    if problem is not None:
        yield problem
        return
    if encoding.casefold().replace("_", "-") in {"utf-8", "utf8"}:
        encoding = "utf-8-sig"  # a byte order mark is no part of the first column
    try:
        with path.open(encoding=encoding, newline="") as text:
            yield from _readers(columns)[path.suffix.casefold()](str(path), text)
    except Unreadable as unreadable:
        yield unreadable.problem
    except UnicodeError:
        yield _badly_encoded(path, encoding)
    except OSError as error:
        yield _unopened(path, error)


def _readers(columns: Columns) -> dict[str, _Reader]:
    return {
        ".csv": partial(read_csv, columns=columns),
        ".tsv": partial(read_csv, columns=columns),
        ".jsonl": read_jsonl,
        ".ndjson": read_jsonl,
        ".yaml": read_yaml,
        ".yml": read_yaml,
    }


def _unusable(path: Path, encoding: str) -> Problem | None:
    """What can be said about a file before its first line."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        return _unopened(path, error)
    return (
        _wrong_ending(path)
        or _wrong_encoding(path, encoding, start)
        or (
            None
            if start
            else _whole(path, "empty", "it is empty", "write one row for each video")
        )
    )


def _unopened(path: Path, error: OSError) -> Problem:
    if isinstance(error, IsADirectoryError):
        return _whole(path, "folder", "it is a folder", "name a file in it")
    if isinstance(error, FileNotFoundError):
        return _whole(path, "not-found", "there is no such file", "check the name")
    reason = error.strerror or "unknown reason"
    message = f"it cannot be read ({reason.lower()})"
    return _whole(path, "unreadable", message, "check its name and its permissions")


def _wrong_ending(path: Path) -> Problem | None:
    ending = path.suffix.casefold()
    known = (".csv", ".tsv", ".jsonl", ".ndjson", ".yaml", ".yml")
    if ending in known:
        return None
    if ending in _SPREADSHEETS:
        suggestion = "save it as “CSV UTF-8” and name that file"
    elif ending == ".json":
        suggestion = "write one object a line and name the file .jsonl"
    else:
        suggestion = f"name it {choice(known)} for what is in it"
    message = f"its ending {shown(ending)} says no form of manifest"
    return _whole(path, "ending", message, suggestion)


def _wrong_encoding(path: Path, encoding: str, start: bytes) -> Problem | None:
    name = encoding.casefold()
    try:
        b"".decode(encoding)
        "".encode(encoding)
    except (LookupError, ValueError):
        message = f"there is no text encoding {shown(encoding)}"
        suggestion = "write one such as utf-8 or cp1252"
        return Problem(
            "command line", None, "encoding", encoding, message, suggestion, "encoding"
        )
    if name.startswith(("utf-16", "utf_16", "utf-32", "utf_32", "utf16", "utf32")):
        return None
    for mark, found in _BOMS.items():
        if start.startswith(mark):
            message = f"it is saved as {found}"
            suggestion = f"save it as UTF-8 or pass --encoding {found.lower()}"
            return _whole(path, "encoding", message, suggestion)
    return None


def _badly_encoded(path: Path, encoding: str) -> Problem:
    written = "UTF-8" if encoding == "utf-8-sig" else encoding
    other = "cp1252" if encoding == "utf-8-sig" else "the right one"
    message = f"the text is not {written} here"
    suggestion = f"save it as UTF-8 or pass --encoding {other}"
    line = line_of_bad_bytes(path, encoding)
    return Problem(str(path), line, None, None, message, suggestion, "encoding")


def _whole(path: Path, kind: str, message: str, suggestion: str) -> Problem:
    return Problem(str(path), None, None, None, message, suggestion, kind)
