"""`check`: every problem of a manifest, before anything is spent."""

from contextlib import closing

from jobs.text import counted
from producer import console, problems
from producer.console import print_json
from producer.exits import Exit
from producer.load import read, skipped_words, way_on
from producer.manifests.source import STDIN
from producer.options import (
    READING,
    SHOWN,
    Json,
    Manifest,
    Reading,
    Show,
    chosen_settings,
    command_line,
)
from producer.preview import print_preview, rows
from producer.survey import Survey


def check(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    show: Show = SHOWN,
    json: Json = False,
) -> int:
    """Name every problem of every row, with file, line and column; spends nothing.

    Looks at every picture too; with `--no-look` only at those on this machine.

        reelmill check products.csv
        reelmill check shop.csv --model kling-v2.6-std --prompt "{{ title }} turning"

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        show: How many rows are shown as they will be sent.
        json: Print problems, warnings and all rows as JSON.
    """
    with closing(read(manifest, reading, chosen_settings(), whole=False)) as found:
        if json:
            _print_json(found)
        else:
            _print(found, manifest, reading, show)
        return Exit.STORED if found.is_usable else Exit.USAGE


def _print_json(found: Survey) -> None:
    document = {
        "jobs": found.jobs,
        "skipped": dict(found.skipped),
        "skipped_problems": found.refused if found.is_usable else 0,
        "warnings": found.notices.document(),
        **problems.document(found.problems),
    }
    print_json(document, rows=rows(found))


def _print(found: Survey, manifest: str, reading: Reading, show: int) -> None:
    if found.problems.count:
        problems.print_problems(found.problems, console.out)
    if not found.is_usable:
        if words := way_on(found):
            console.say(words)
        return
    if found.refused:
        console.say(skipped_words(found))
    print_preview(found, show, console.out)
    line = f"{counted(found.jobs, 'video')} can be made"
    if manifest != STDIN:
        line += f". Next: {command_line('price', manifest, reading)}"
    console.tell(line)
