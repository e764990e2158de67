"""What a question found, as tables for people.

A question says what its page shows; this writes `NAME.md`. It computes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: What a cell may hold: None is shown as a dash.
Cell = str | int | float | bool | None

#: From so much on, a number is shown without digits behind the point.
_LARGE = 100.0


@dataclass(frozen=True, slots=True)
class Table:
    """One table for people; its first column names the rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Page:
    """What the answer to a question looks like."""

    title: str
    tables: Sequence[Table]
    #: What was counted, and how: one sentence or two each.
    notes: Sequence[str] = ()


def write(folder: Path, name: str, page: Page) -> Path:
    """Write the page as a file, and say which."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.md"
    file.write_text(markdown(page), encoding="utf-8")
    return file


def markdown(page: Page) -> str:
    """The page as markdown."""
    parts = [f"# {page.title}"]
    parts += [f"## {table.title}\n\n{_table(table)}" for table in page.tables]
    if page.notes:
        parts.append("\n".join(f"- {note}" for note in page.notes))
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = ["| " + " | ".join(table.columns) + " |"]
    lines.append("|---" + "|---:" * (len(table.columns) - 1) + "|")
    lines += ["| " + " | ".join(map(shown, row)) + " |" for row in table.rows]
    return "\n".join(lines)


def shown(cell: Cell) -> str:
    """A cell as people read it.

    >>> [shown(each) for each in (True, 12345, 0.0512, 3.14159, 2048.7, "a")]
    ['yes', '12,345', '0.051', '3.14', '2,049', 'a']
    """
    match cell:
        case None:
            return "–"  # noqa: RUF001 - the dash of an empty cell is meant
        case bool():
            return "yes" if cell else "no"
        case int():
            return f"{cell:,}"
        case float() if abs(cell) >= _LARGE:
            return f"{cell:,.0f}"
        case float():
            return f"{cell:.3f}" if 0 < abs(cell) < 1 else f"{cell:.2f}"
    return cell
