"""The numbers of a measurement as a table for a person."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(numbers: Mapping[str, object]) -> None:
    """Print a line for each number, to standard output."""
    made = Table(box=SIMPLE_HEAD, show_header=False, pad_edge=False, show_edge=False)
    made.add_column()
    made.add_column(justify="right")
    for name, value in numbers.items():
        made.add_row(Text(name.replace("_", " ")), Text(_worded(value)))
    Console(highlight=False).print(made)


def _worded(value: object) -> str:
    match value:
        case float():
            return f"{value:,.2f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
