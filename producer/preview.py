"""The first rows of a manifest as they will be sent, before anything is paid."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from rich.console import Console

from jobs.text import one_line, plain
from producer.survey import Survey

#: Characters of a value that a person sees.
MAX_CHARS = 300


def print_preview(found: Survey, count: int, console: Console) -> None:
    """Show the first rows to a person."""
    for line in lines(found, count):
        console.print(line, markup=False, soft_wrap=True)


def lines(found: Survey, count: int) -> Iterator[str]:
    """The first rows, an input on each line; long values are cut."""
    shown = min(count, found.jobs)
    if not shown:
        return
    which = f"first {shown} of {found.jobs:,}" if shown < found.jobs else "all"
    yield f"{which}, as they will be sent:"
    for row in islice(rows(found), shown):
        yield f"  {_cut(row['id'])} (line {row['line']}): {row['model']}"
        for name, value in row["inputs"].items():
            yield f"    {name}: {_cut(plain(value))}"


def rows(found: Survey) -> Iterator[dict[str, Any]]:
    """All rows for a program: what the provider gets of each.

    Local pictures are named as they are written; they are sent as links to uploads.
    """
    for job in found.planned():
        request = found.catalogue.find(job.model).request(job.inputs)
        yield {"id": job.id, "line": job.line, "model": job.model, "inputs": request}


def _cut(text: str) -> str:
    text = one_line(text)
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"
