"""Plans the jobs of a manifest: reads its records, whatever its form, in their order.

Nothing that a user can do to a file ends in an exception here: it ends in a problem.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jobs.catalogue import Catalogue
from jobs.manifest.columns import Columns
from jobs.manifest.drafts import PlannedRow
from jobs.manifest.guessing import MAX_ROWS
from jobs.manifest.planning import Manifest
from jobs.manifest.products import Wanted
from jobs.manifest.rows import Defaults, Feeds, Header, Notice, Problem, Row, Skipped
from jobs.manifest.selection import Choice, Selection
from producer.manifests.csv import read_csv
from producer.manifests.encoding import badly_encoded, encoding_of
from producer.manifests.json import read_json, read_jsonl
from producer.manifests.ods import read_ods
from producer.manifests.pictures import read_bucket, read_folder
from producer.manifests.source import (
    FORMS,
    START_BYTES,
    STDIN,
    UnreadableError,
    form_of,
    is_bucket,
    is_folder,
    opened,
    path_of,
    whole,
)
from producer.manifests.table import TableOptions
from producer.manifests.xlsx import read_xlsx
from producer.manifests.xml import read_feed
from producer.manifests.yaml import ItemsElsewhere, KeyTemplate, read_yaml

#: What a source is read as.
Record: TypeAlias = (
    Row | Defaults | Header | Feeds | Skipped | Problem | Notice | KeyTemplate
)

Outcome: TypeAlias = PlannedRow | Skipped | Problem | Notice


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
    #: Sheet of a workbook; None is the first with a table.
    sheet: str | None = None
    #: Line of the header of a table; None is searched for.
    header_line: int | None = None
    #: True to leave out rows that are hidden in the spreadsheet.
    visible_only: bool = False
    #: What form the file has; None is told by its ending, or what is piped in.
    form: str | None = None
    #: Which of its rows.
    choice: Choice = field(default_factory=Choice)
    #: True to make one video of each product in a shop's export.
    only_first_pictures: bool = False
    #: True to make a video of each picture of a row that has several.
    every_picture: bool = False
    #: What stands before pictures that are no whole address.
    pictures_at: str | None = None

    @property
    def wanted(self) -> Wanted:
        """Which pictures a video is made of."""
        return Wanted(self.only_first_pictures, self.every_picture, self.pictures_at)

    @property
    def table(self) -> TableOptions:
        """What is said about a table."""
        return TableOptions(self.sheet, self.header_line, self.visible_only)


_NO_OPTIONS = Options()

#: The readers by form; YAML has its own, for its rows may be elsewhere.
_READERS: Mapping[str, Callable[..., Iterator[Record]]] = {
    "csv": read_csv,
    "jsonl": read_jsonl,
    "json": read_json,
    "xlsx": read_xlsx,
    "ods": read_ods,
    "xml": read_feed,
}

#: Kind of the problem of items that cannot be where a manifest says.
_BAD_ITEMS = "items-source"


def plan(
    source: str | Path,
    options: Options,
    catalogue: Catalogue,
    *,
    stdin: BinaryIO | None = None,
    recognised: Callable[[str], object] = str,
) -> Iterator[Outcome]:
    """The rows of a manifest, what it skips, its problems and notices, as they come.

    A problem that comes alone is one of the whole manifest, or of a row whose form is
    broken. The reading goes on behind a bad row wherever the format allows. Standard
    input can be read only once. `recognised` is told whose export a table is, if it is
    a shop's.
    """
    values: dict[str, object] = dict(options.set)
    if options.model is not None:
        values["model"] = options.model
    feeds = Feeds("command line", options.map) if options.map else None
    selection = Selection(options.choice)
    manifest = Manifest(
        catalogue,
        values,
        options.key,
        feeds,
        wanted=options.wanted,
        selection=selection,
    )
    if manifest.problems:
        yield from manifest.problems
        return
    columns = Columns(catalogue, chain.from_iterable(options.map.values()))
    read = records(str(source), columns, options, stdin)
    is_empty = True
    for outcome in _planned(manifest, read, options, recognised):
        is_empty = is_empty and isinstance(outcome, Skipped | Notice)
        # What is wrong with the form of a row behind the last one is nobody's concern.
        if not (isinstance(outcome, Problem) and outcome.line and selection.is_full):
            yield outcome
    yield from _at_the_end(str(source), selection, is_empty=is_empty)


def _planned(
    manifest: Manifest,
    read: Iterator[Record],
    options: Options,
    recognised: Callable[[str], object],
) -> Iterator[Outcome]:
    for record in read:
        if isinstance(record, Row):
            yield from manifest.plan(record)
            yield from manifest.take_notices()
        elif isinstance(record, Problem | Skipped | Notice):
            yield record
        elif isinstance(record, Defaults):
            yield from manifest.fill(record)
        elif isinstance(record, Feeds):
            yield from manifest.feed(record)
        elif isinstance(record, KeyTemplate):
            if options.key is None:
                yield from manifest.accept_key(record.text, record.file, record.line)
        else:
            problems = _headed(manifest, record, read)
            yield from problems
            if problems:  # each of its rows would only say the same again
                return
            if manifest.layout is not None:
                recognised(manifest.layout)
    yield from manifest.finish()
    yield from manifest.take_notices()


def _headed(
    manifest: Manifest, header: Header, read: Iterator[Record]
) -> list[Problem]:
    """Why the rows below a header cannot be used; some are read to guess a cure."""
    problems = manifest.header(header)
    if not manifest.unknown_header:
        return problems
    for record in islice(read, MAX_ROWS):
        if isinstance(record, Row):
            manifest.see(record)
    return [manifest.nothing_known(header)]


def _at_the_end(
    source: str, selection: Selection, *, is_empty: bool
) -> Iterator[Outcome]:
    """What can be said once all rows were met; an empty manifest is told."""
    problems = list(selection.problems())
    yield from problems
    if is_empty and not problems:
        yield selection.nothing() or _no_rows(source)
    elif not is_empty:
        # Rows that failed may have been taken out on purpose.
        for _ in range(selection.gone):
            yield Skipped(source, None, "rows that are wanted and not in it any more")


def _no_rows(source: str) -> Problem:
    if is_bucket(source) or is_folder(source):
        suggestion = "name a folder with JPEG or PNG pictures in it"
        return whole(source, "no-rows", "there are no pictures in it", suggestion)
    suggestion = "write one row for each video"
    return whole(source, "no-rows", "no row of it asks for a video", suggestion)


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
    *,
    is_named: bool = False,
) -> Iterator[Record]:
    """The records of a source, which a manifest may have named for its items."""
    if is_named and source == STDIN:
        message = "items cannot come from standard input"
        suggestion = "name a file, or pipe them in without a manifest"
        raise UnreadableError(whole(STDIN, _BAD_ITEMS, message, suggestion))
    if is_bucket(source):
        yield from read_bucket(source)
        return
    path = path_of(source)
    if is_folder(path):
        yield from read_folder(path)
        return
    with opened(path, stdin) as file:
        start = file.read(START_BYTES)
        file.seek(0)
        form = form_of(path, start, options.form)
        if form == "yaml" and is_named:
            message = "the items of a manifest cannot be in a second YAML manifest"
            suggestion = "name a table, a folder or a bucket"
            raise UnreadableError(whole(path, _BAD_ITEMS, message, suggestion))
        if not FORMS[form].is_text:
            yield from _READERS[form](path, file, columns, options.table)
            return
        encoding = encoding_of(path, start, options.encoding)
        text = io.TextIOWrapper(file, encoding=encoding, newline="")
        try:
            if form != "yaml":
                yield from _READERS[form](path, text, columns, options.table)
                return
            for record in read_yaml(path, text, columns):
                if isinstance(record, ItemsElsewhere):
                    yield from _items(record, columns, options)
                else:
                    yield record
        except UnicodeError:
            yield badly_encoded(path, file, encoding)
        finally:
            text.detach()


def _items(
    items: ItemsElsewhere, columns: Columns, options: Options
) -> Iterator[Record]:
    """The records of items that are in another place."""
    source = items.source
    if "://" not in source and STDIN not in {items.file, source}:
        source = str(Path(items.file).parent / source)
    there = replace(
        options,
        encoding=items.encoding or options.encoding,
        form=items.form,
        sheet=options.sheet or items.sheet,
    )
    try:
        yield from _records(source, columns, there, is_named=True)
    except UnreadableError as error:
        problem = error.problem
        if problem.kind not in {"not-found", _BAD_ITEMS}:
            raise
        suggestion = problem.suggestion
        if problem.kind == "not-found":
            suggestion = "write its path from the folder of this file"
        where = items.file, items.line, "items", items.source
        yield Problem(*where, problem.message, suggestion, _BAD_ITEMS)
