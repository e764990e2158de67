"""The command line of the measurements: `python -m bench rows --rows 100000`."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench import rows
from bench.measuring import Failed
from bench.printing import print_table

#: What can be asked: how it adds its options, and how it is answered.
QUESTIONS: Mapping[
    str,
    tuple[
        Callable[[argparse.ArgumentParser], None],
        Callable[[argparse.Namespace], dict[str, object]],
    ],
] = {"rows": (rows.add_options, rows.answer)}


def main() -> int:
    """Answer the question that the arguments name, and print the numbers."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    questions = parser.add_subparsers(dest="question", required=True)
    for name, (add_options, _) in QUESTIONS.items():
        question = questions.add_parser(name)
        question.add_argument("--json", type=Path, help="file for the numbers")
        add_options(question)
    asked = parser.parse_args()
    _, answer = QUESTIONS[asked.question]
    try:
        numbers = answer(asked)
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    print_table(numbers)
    if asked.json:
        asked.json.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
