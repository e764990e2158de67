"""Reads any source, as the user wrote it, into records.

Nothing that a user can do to a file ends in an exception here: it ends in a problem.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Defaults, Feeds, Header, Problem, Row, Skipped
from producer.reading.csv import read_csv
from producer.reading.jsonl import read_jsonl
from producer.reading.source import (
    START_BYTES,
    STDIN,
    UnreadableError,
    badly_encoded,
    encoding_of,
    form_of,
    is_bucket,
    is_folder,
    opened,
    path_of,
)
from producer.reading.yaml import ItemsElsewhere, KeyTemplate, read_yaml

#: What a source is read as.
Record: TypeAlias = Row | Defaults | Header | Feeds | Skipped | Problem | KeyTemplate


@dataclass(frozen=True, slots=True)
class _How:
    """How a source is to be read."""

    columns: Columns
    encoding: str
    form: str | None
    sheet: str | None
    stdin: BinaryIO | None
    #: What names it in a manifest, for items that are elsewhere.
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
    prefix. `form` is one of `FORMS` and None is told by the ending; `sheet` is None
    for the first visible one of a workbook.
    """
    try:
        yield from _records(source, _How(columns, encoding, form, sheet, stdin))
    except UnreadableError as error:
        yield error.problem


def _records(source: str, how: _How) -> Iterator[Record]:
    if is_bucket(source):
        from producer.reading.pictures import read_bucket

        yield from read_bucket(source)
        return
    path = path_of(source)
    if is_folder(path):
        from producer.reading.pictures import read_folder

        yield from read_folder(path)
        return
    with opened(path, how.stdin) as file:
        start = file.read(START_BYTES)
        file.seek(0)
        form = form_of(path, start, how.form)
        if form == "xlsx":
            from producer.reading.xlsx import read_xlsx

            yield from read_xlsx(path, file, how.columns, how.sheet)
            return
        encoding = encoding_of(path, start, how.encoding)
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            yield from _text_records(path, form, text, how)
        except UnicodeError:
            yield badly_encoded(path, file, encoding)
        finally:
            text.detach()


def _text_records(
    path: str, form: str, text: io.TextIOWrapper, how: _How
) -> Iterator[Record]:
    if form == "csv":
        yield from read_csv(path, text, how.columns)
    elif form == "jsonl":
        yield from read_jsonl(path, text)
    elif how.named_by:
        message = "the items of a manifest cannot be in a second YAML manifest"
        yield _bad_items(how.named_by, message, "name a table, a folder or a bucket")
    else:
        for record in read_yaml(path, text, how.columns):
            if isinstance(record, ItemsElsewhere):
                yield from _elsewhere(record, how)
            else:
                yield record


def _elsewhere(items: ItemsElsewhere, how: _How) -> Iterator[Record]:
    """The records of items that are in another place."""
    if items.source == STDIN:
        message = "items cannot come from standard input"
        suggestion = "name a file, or pipe them in without a manifest"
        yield _bad_items(items, message, suggestion)
        return
    source = items.source
    if "://" not in source and items.file != STDIN:
        source = str(Path(items.file).parent / source)
    there = replace(
        how,
        encoding=items.encoding or how.encoding,
        form=items.form,
        sheet=how.sheet or items.sheet,
        named_by=items,
    )
    try:
        yield from _records(source, there)
    except UnreadableError as error:
        if error.problem.kind != "not-found":
            raise
        message = "there is no such file or folder"
        yield _bad_items(items, message, "write its path from the folder of this file")


def _bad_items(items: ItemsElsewhere, message: str, suggestion: str) -> Problem:
    where = items.file, items.line, "items", items.source
    return Problem(*where, message, suggestion, "items-source")
