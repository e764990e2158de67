"""Reads any source, as the user wrote it, into records.

Nothing that a user can do to a file ends in an exception here: it ends in a problem.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jobs.manifest.column_mapping import Columns
from jobs.manifest.rows import Defaults, Feeds, Header, Problem, Row, Skipped
from producer.manifests.csv import read_csv
from producer.manifests.jsonl import read_jsonl
from producer.manifests.source import (
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
from producer.manifests.yaml import ItemsElsewhere, KeyTemplate, read_yaml

#: What a source is read as.
Record: TypeAlias = Row | Defaults | Header | Feeds | Skipped | Problem | KeyTemplate


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line adds to a manifest."""

    #: Model of rows that name none; id, short name or alias.
    model: str | None = None
    #: Values for what rows leave empty; they win over the defaults of the file.
    set: Mapping[str, str] = field(default_factory=dict)
    #: Template of the store keys; None is the manifest's, or `{batch}/{id}.mp4`.
    key: str | None = None
    #: How the text of the file is encoded, by Python's names.
    encoding: str = "utf-8"
    #: Columns of a table by the name that they feed.
    map: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: Sheet of a workbook; None is its first.
    sheet: str | None = None
    #: What form the file has; None is told by its ending, or what is piped in.
    form: str | None = None
    #: Ids of the only jobs that are wanted; None is all.
    ids: frozenset[str] | None = None
    #: True to make one video of each product in a shop's export.
    only_first_pictures: bool = False


_NO_OPTIONS = Options()


def records(
    source: str,
    columns: Columns,
    options: Options = _NO_OPTIONS,
    stdin: BinaryIO | None = None,
) -> Iterator[Record]:
    """The records of a source; whatever keeps it from being read is the last of them.

    The source is a path, `-` for standard input, a folder, or the URL of a bucket's
    prefix.
    """
    try:
        yield from _records(source, columns, options, stdin)
    except UnreadableError as error:
        yield error.problem


def _records(
    source: str,
    columns: Columns,
    options: Options,
    stdin: BinaryIO | None = None,
    named_by: ItemsElsewhere | None = None,
) -> Iterator[Record]:
    """The records of a source, which a manifest may have named for its items."""
    if is_bucket(source):
        from producer.manifests.pictures import read_bucket

        yield from read_bucket(source)
        return
    path = path_of(source)
    if is_folder(path):
        from producer.manifests.pictures import read_folder

        yield from read_folder(path)
        return
    with opened(path, stdin) as file:
        start = file.read(START_BYTES)
        file.seek(0)
        form = form_of(path, start, options.form)
        if form == "xlsx":
            from producer.manifests.xlsx import read_xlsx

            yield from read_xlsx(path, file, columns, options.sheet)
            return
        encoding = encoding_of(path, start, options.encoding)
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            if form == "csv":
                yield from read_csv(path, text, columns)
            elif form == "jsonl":
                yield from read_jsonl(path, text)
            elif named_by:
                message = "the items of a manifest cannot be in a second YAML manifest"
                suggestion = "name a table, a folder or a bucket"
                yield _bad_items(named_by, message, suggestion)
            else:
                yield from _yaml_records(path, text, columns, options)
        except UnicodeError:
            yield badly_encoded(path, file, encoding)
        finally:
            text.detach()


def _yaml_records(
    path: str, text: io.TextIOWrapper, columns: Columns, options: Options
) -> Iterator[Record]:
    for record in read_yaml(path, text, columns):
        if isinstance(record, ItemsElsewhere):
            yield from _elsewhere(record, columns, options)
        else:
            yield record


def _elsewhere(
    items: ItemsElsewhere, columns: Columns, options: Options
) -> Iterator[Record]:
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
        options,
        encoding=items.encoding or options.encoding,
        form=items.form,
        sheet=options.sheet or items.sheet,
    )
    try:
        yield from _records(source, columns, there, named_by=items)
    except UnreadableError as error:
        if error.problem.kind != "not-found":
            raise
        message = "there is no such file or folder"
        yield _bad_items(items, message, "write its path from the folder of this file")


def _bad_items(items: ItemsElsewhere, message: str, suggestion: str) -> Problem:
    where = items.file, items.line, "items", items.source
    return Problem(*where, message, suggestion, "items-source")
