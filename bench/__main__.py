"""The command line of the measurements: `python -m bench rows --rows 100000`."""

import argparse
import json
import signal
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.measuring import Failed
from bench.results import Cell, Page, Table, markdown, write

#: What can be asked, and the module that answers: it has `add_options`, `answer` and,
#: where more is to be shown than numbers, `page`. Only the one that is asked is
#: imported, because a process that is measured starts from the memory of ours.
QUESTIONS: Mapping[str, str] = {
    "arena": "bench.arena",
    "rows": "bench.rows",
    "page": "bench.page",
    "looks": "bench.looks",
    "day": "bench.day",
    "scale": "bench.scale",
    "ceiling": "bench.standin.ceiling",
    "slots": "bench.slots",
    "sustained": "bench.sustained",
    "watchers": "bench.watchers",
}


def main() -> int:
    """Answer the question that the arguments name, and print the numbers."""
    question, module, asked = _asked()
    # What was started is ended and cleared away by whoever unwinds.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        numbers: dict[str, Any] = module.answer(asked)
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    page = module.page(numbers) if hasattr(module, "page") else plain_page(numbers)
    sys.stdout.write(markdown(page))
    if asked.results:
        write(asked.results, question, numbers, page)
    if asked.json:
        asked.json.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return 0


def _asked() -> tuple[str, ModuleType, argparse.Namespace]:
    """The question, the module that answers it, and its options."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("question", choices=QUESTIONS)
    question = parser.parse_args(sys.argv[1:2]).question
    module = import_module(QUESTIONS[question])
    options = argparse.ArgumentParser(
        prog=f"python -m bench {question}", description=module.__doc__
    )
    options.add_argument("--json", type=Path, help="file for the numbers")
    options.add_argument(
        "--results", type=Path, help="folder for numbers, tables and plots"
    )
    module.add_options(options)
    return question, module, options.parse_args(sys.argv[2:])


def plain_page(numbers: Mapping[str, Cell]) -> Page:
    """A page of numbers alone; `question` among them is its title."""
    rows = [(name.replace("_", " "), value) for name, value in numbers.items()]
    title, *rest = rows
    return Page(str(title[1]), [Table("Numbers", ("", "measured"), rest)])


if __name__ == "__main__":
    sys.exit(main())
