"""What a question found, as files: the numbers, tables for people, and plots.

A question says what its page shows; this writes `NAME.json`, `NAME.md` and `NAME.svg`,
the same bytes for the same numbers. It computes nothing. Plots are drawn in `plots`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    #: Plots as SVG, by what is added to the question's name: `""` or `-lag`.
    plots: Mapping[str, bytes] = field(default_factory=dict)


def write(
    folder: Path, question: str, numbers: Mapping[str, object], page: Page
) -> list[Path]:
    """Write all files of a question, and say which."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{question}.json": (json.dumps(numbers, indent=2) + "\n").encode()}
    plots = {f"{question}{ending}.svg": svg for ending, svg in page.plots.items()}
    files[f"{question}.md"] = markdown(page, pictures=sorted(plots)).encode()
    for name, content in (files | plots).items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files | plots]


def markdown(page: Page, pictures: Sequence[str] = ()) -> str:
    """The page as markdown, with links to pictures that lie beside it."""
    parts = [f"# {page.title}"]
    parts += [f"## {table.title}\n\n{_table(table)}" for table in page.tables]
    parts += [f"![{page.title}]({name})" for name in pictures]
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
