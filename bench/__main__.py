"""The command line of the measurements: `python -m bench arena --jobs 1000`."""

import argparse
import json
import shlex
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.processes import MeasuringError
from bench.results import Cell, Page, Table, markdown, write

#: What can be asked, and the module that answers: it has `add_options`, `answer` and,
#: where more is to be shown than numbers, `page`. Only the one that is asked is
#: imported, because a process that is measured starts from the memory of ours.
QUESTIONS: Mapping[str, str] = {
    "arena": "bench.arena",
    "page": "bench.page",
    "slots": "bench.slots",
    "cold": "bench.cold",
    "tables": "bench.tables",
}


def main() -> int:
    """Answer the question that the arguments name, and print the numbers."""
    keeping, words = _keeping().parse_known_args()
    question, module, asked = _asked(words)
    # What was started is ended and cleared away by whoever unwinds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        numbers: dict[str, Any] = module.answer(asked)
    except MeasuringError as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    numbers = {"command": shlex.join(["python", "-m", "bench", *words]), **numbers}
    page = page_of(module, numbers)
    sys.stdout.write(markdown(page))
    if keeping.results:
        write(keeping.results, keeping.name or question, page)
    if keeping.json:
        keeping.json.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return 0


def _keeping() -> argparse.ArgumentParser:
    """Options of every question: where what was found is kept."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("--json", type=Path, help="file for the numbers")
    add("--results", type=Path, help="folder for tables")
    add("--name", help="of the files in it; the question if not given")
    return parser


def _asked(words: list[str]) -> tuple[str, ModuleType, argparse.Namespace]:
    """The question, the module that answers it, and its options."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("question", choices=QUESTIONS)
    question = parser.parse_args(words[:1]).question
    module = import_module(QUESTIONS[question])
    options = argparse.ArgumentParser(
        prog=f"python -m bench {question}",
        description=module.__doc__,
        parents=[_keeping()],
    )
    module.add_options(options)
    return question, module, options.parse_args(words[1:])


def page_of(module: ModuleType, numbers: Mapping[str, Any]) -> Page:
    """What the numbers look like, and the command that found them."""
    told = {name: value for name, value in numbers.items() if name != "command"}
    page: Page = module.page(told) if hasattr(module, "page") else plain_page(told)
    found_by = f"Found by `{numbers['command']}`."
    return replace(page, notes=[found_by, *page.notes])


def plain_page(numbers: Mapping[str, Cell]) -> Page:
    """A page of numbers alone; the first of them, the question, is its title."""
    rows = [(name.replace("_", " "), value) for name, value in numbers.items()]
    title, *rest = rows
    return Page(str(title[1]), [Table("Numbers", ("", "measured"), rest)])


if __name__ == "__main__":
    sys.exit(main())
