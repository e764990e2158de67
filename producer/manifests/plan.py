"""Plans the jobs of a manifest: each record it holds, judged in its order."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeAlias

from jobs.catalogue import Catalogue
from jobs.job import Job
from jobs.manifest.column_mapping import Columns
from jobs.manifest.planning import Manifest
from jobs.manifest.rows import Defaults, Feeds, Problem, Row, Skipped
from producer.manifests.records import Options, Record, records
from producer.manifests.source import is_bucket, is_folder, whole
from producer.manifests.yaml import KeyTemplate

_Outcome: TypeAlias = Job | Skipped | Problem


def plan(
    source: str | Path,
    options: Options,
    catalogue: Catalogue,
    *,
    stdin: BinaryIO | None = None,
    recognised: Callable[[str], object] = str,
) -> Iterator[_Outcome]:
    """The jobs of a manifest, what it skips, and every problem, as they are read.

    A manifest may only be used if no problem comes. A row with a problem yields no job
    but the reading goes on behind it wherever the format allows. Standard input can be
    read only once. `recognised` is told whose export a table is, if it is a shop's.
    """
    values: dict[str, object] = dict(options.set)
    if options.model is not None:
        values["model"] = options.model
    feeds = Feeds("command line", options.map) if options.map else None
    manifest = Manifest(
        catalogue,
        values,
        options.key,
        feeds,
        only_first_pictures=options.only_first_pictures,
    )
    if manifest.problems:
        yield from manifest.problems
        return
    columns = Columns(catalogue, chain.from_iterable(options.map.values()))
    read = records(str(source), columns, options, stdin)
    outcomes = _planned(manifest, read, options, recognised)
    yield from _asked_for(str(source), outcomes, options)


def _planned(
    manifest: Manifest,
    read: Iterator[Record],
    options: Options,
    recognised: Callable[[str], object],
) -> Iterator[_Outcome]:
    for record in read:
        if isinstance(record, Row):
            outcome = manifest.plan(record)
            yield from outcome if isinstance(outcome, list) else [outcome]
        elif isinstance(record, Problem | Skipped):
            yield record
        elif isinstance(record, Defaults):
            yield from manifest.fill(record)
        elif isinstance(record, Feeds):
            yield from manifest.feed(record)
        elif isinstance(record, KeyTemplate):
            if options.key is None:
                yield from manifest.accept_key(record.text, record.file, record.line)
        else:
            problems = manifest.header(record)
            yield from problems
            if problems:  # each of its rows would only say the same again
                return
            if manifest.layout is not None:
                recognised(manifest.layout)


def _asked_for(
    source: str, outcomes: Iterator[_Outcome], options: Options
) -> Iterator[_Outcome]:
    """The outcomes without the jobs that are not wanted; an empty manifest is told."""
    empty = True
    missing = set(options.ids or ())
    for outcome in outcomes:
        empty = empty and isinstance(outcome, Skipped)
        if isinstance(outcome, Job) and options.ids is not None:
            if outcome.id not in options.ids:
                continue
            missing.discard(outcome.id)
        yield outcome
    if empty:
        yield _nothing_in(source)
    elif options.ids and len(missing) == len(options.ids):
        message = "none of its rows is among those that are wanted"
        suggestion = "compare its ids with those of the batch: reelmill show BATCH"
        yield whole(source, "ids", message, suggestion)
    else:
        # Rows that failed may have been taken out on purpose.
        for _ in missing:
            yield Skipped(source, None, "rows that are wanted and not in it any more")


def _nothing_in(source: str) -> Problem:
    if is_bucket(source) or is_folder(source):
        suggestion = "name a folder with JPEG or PNG pictures in it"
        return whole(source, "no-rows", "there are no pictures in it", suggestion)
    suggestion = "write one row for each video"
    return whole(source, "no-rows", "no row of it asks for a video", suggestion)
