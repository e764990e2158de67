"""From a source, as a person wrote it, to the records in it.

It decides which reader takes a source apart and where the items of a YAML manifest are
that stand elsewhere; what a record means is decided in `jobs.manifest`. Nothing a
person can do to a file ends in an exception here: it ends in a problem.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Defaults, Feeds, Header, Problem, Row, Skipped
from producer.reading.csv_rows import read_csv
from producer.reading.folder_rows import read_folder
from producer.reading.jsonl_rows import read_jsonl
from producer.reading.sniffing import START_BYTES, check_encoding, form_of, is_utf_8
from producer.reading.sources import (
    STDIN,
    is_bucket,
    is_folder,
    opened,
    path_of,
    unopened,
)
from producer.reading.text import line_of_bad_bytes
from producer.reading.unreadable import UnreadableError
from producer.reading.yaml import ItemsElsewhere, KeyTemplate, read_yaml

#: What a source is read as.
Record: TypeAlias = Row | Defaults | Header | Feeds | Skipped | Problem | KeyTemplate


@dataclass(frozen=True, slots=True)
class _Way:
    """How a source is to be read."""

    columns: Columns
    encoding: str
    form: str | None
    sheet: str | None
    stdin: BinaryIO | None
    #: The manifest that names it, for items that stand elsewhere.
    named_by: ItemsElsewhere | None = None


def records(
    source: str,
    *,
    columns: Columns,
    encoding: str = "utf-8",
    form: str | None = None,
    sheet: str | None = None,
    stdin: BinaryIO | None = None,
) -> Iterator[Record]:
    """The records of a source; whatever keeps it from being read is the last of them.

    The source is a path, `-` for standard input, a folder, or the URL of a bucket's
    prefix. `form` is one of `sniffing.FORMS` and None is told by the ending; `sheet`
    is None for a workbook's first.
    """
    try:
        yield from _records(source, _Way(columns, encoding, form, sheet, stdin))
    except UnreadableError as unreadable:
        yield unreadable.problem


def _records(source: str, way: _Way) -> Iterator[Record]:
    if is_bucket(source):
        from producer.reading.bucket_rows import read_bucket  # noqa: PLC0415 - few need obstore

        yield from read_bucket(source)
        return
    path = path_of(source)
    if is_folder(path):
        yield from read_folder(path)
        return
    with opened(path, way.stdin) as file:
        try:
            start = file.read(START_BYTES)
            file.seek(0)
            form = form_of(path, start, way.form)
            yield from _of_form(path, form, file, start, way)
        except OSError as error:
            raise unopened(path, error) from None


def _of_form(
    path: str, form: str, file: BinaryIO, start: bytes, way: _Way
) -> Iterator[Record]:
    if form == "xlsx":
        from producer.reading.xlsx import read_xlsx  # noqa: PLC0415 - few need openpyxl

        yield from read_xlsx(path, file, way.columns, way.sheet)
        return
    check_encoding(path, way.encoding, start)
    text = io.TextIOWrapper(file, encoding=way.encoding, newline="")
    try:
        if form == "jsonl":
            yield from read_jsonl(path, text)
        elif form == "csv":
            yield from read_csv(path, text, way.columns)
        else:
            yield from _of_yaml(path, text, way)
    except UnicodeError:
        yield _badly_encoded(path, file, way.encoding)
    finally:
        text.detach()


def _of_yaml(path: str, text: io.TextIOWrapper, way: _Way) -> Iterator[Record]:
    if way.named_by:
        message = "the items of a manifest cannot stand in a second YAML manifest"
        yield _of_items(way.named_by, message, "name a table, a folder or a bucket")
        return
    for record in read_yaml(path, text, way.columns):
        if isinstance(record, ItemsElsewhere):
            yield from _elsewhere(record, way)
        else:
            yield record


def _elsewhere(wish: ItemsElsewhere, way: _Way) -> Iterator[Record]:
    """The records of items that stand in another place."""
    if wish.source == STDIN:
        message = "items cannot come from standard input"
        yield _of_items(
            wish, message, "name a file, or pipe them in without a manifest"
        )
        return
    source = wish.source
    if "://" not in source and wish.file != STDIN:
        source = str(Path(wish.file).parent / source)
    there = replace(
        way,
        encoding=wish.encoding or way.encoding,
        form=wish.form,
        sheet=way.sheet or wish.sheet,
        named_by=wish,
    )
    try:
        yield from _records(source, there)
    except UnreadableError as unreadable:
        if unreadable.problem.kind != "not-found":
            raise
        message = "there is no such file or folder"
        yield _of_items(wish, message, "write its path from the folder of this file")


def _of_items(wish: ItemsElsewhere, message: str, suggestion: str) -> Problem:
    return Problem(
        wish.file, wish.line, "items", wish.source, message, suggestion, "items-source"
    )


def _badly_encoded(path: str, file: BinaryIO, encoding: str) -> Problem:
    written, other = encoding, "the right one"
    if is_utf_8(encoding):
        written, other = "UTF-8", "cp1252"
    message = f"the text is not {written} here"
    suggestion = f"save it as UTF-8 or pass --encoding {other}"
    line = line_of_bad_bytes(file, encoding)
    return Problem(path, line, None, None, message, suggestion, "encoding")
