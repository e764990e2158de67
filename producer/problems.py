"""Problems of a manifest: collected without growing, and shown to people and programs.

It decides how many of a kind are kept and how they look; what is a problem is decided
in `jobs.manifest`, by the readers and by the look at pictures. Nothing that stands in
a manifest can move a cursor, turn a line round or colour it here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from jobs.manifest.rows import Problem
from jobs.wording import masked

#: Problems of one kind that are kept; further ones are only counted.
MOST_OF_A_KIND = 100

#: Characters that are kept of a value or a column's name; a cell can have a million.
MOST_KEPT_CHARS = 300

#: Characters of them that a table shows.
MOST_SHOWN_CHARS = 60

#: Width at which a table breaks the names of columns.
COLUMN_WIDTH = 20

#: Fewer columns of a terminal than this, and a problem takes several lines.
WIDE = 120

_NOTHING_SENT = "nothing was sent"


@dataclass(slots=True)
class Problems:
    """The problems of one manifest, as many as a person can use."""

    by_kind: Counter[str] = field(default_factory=Counter)
    _kept: list[Problem] = field(default_factory=list)
    #: Files in the order in which they were met; the first is shown first.
    _files: dict[str, int] = field(default_factory=dict)

    def add(self, problem: Problem) -> None:
        """Take one more."""
        self.by_kind[problem.kind] += 1
        if self.by_kind[problem.kind] > MOST_OF_A_KIND:
            return
        self._files.setdefault(problem.file, len(self._files))
        column = problem.column
        column = _cut(column) if isinstance(column, str) else column
        self._kept.append(replace(problem, column=column, value=_cut(problem.value)))

    def add_all(self, problems: Iterable[Problem]) -> None:
        """Take several more."""
        for problem in problems:
            self.add(problem)

    @property
    def count(self) -> int:
        """How many there are, the ones that are not kept included."""
        return self.by_kind.total()

    @property
    def kept(self) -> list[Problem]:
        """The kept ones by file and line; those of a whole file come first."""
        return sorted(self._kept, key=lambda p: (self._files[p.file], p.line or 0))

    @property
    def left_out(self) -> Counter[str]:
        """How many are counted and not kept, by kind; without kinds kept whole."""
        return Counter(
            {
                kind: count - MOST_OF_A_KIND
                for kind, count in self.by_kind.items()
                if count > MOST_OF_A_KIND
            }
        )


def print_problems(problems: Problems, console: Console) -> None:
    """A table for a person at a terminal; for all else one line for each problem."""
    # Colours, which make rich take a pipe for a terminal, do not change the form.
    if console.file.isatty():
        console.print(table(problems, console.width))
        return
    for line in lines(problems):
        console.out(line, highlight=False)


def lines(problems: Problems) -> Iterator[str]:
    """`file:line:column: kind: message; suggestion`, then the counts by kind.

    What does not apply is left out of the place. The form is stable.
    """
    for problem in problems.kept:
        parts = (problem.file, problem.line, problem.column)
        place = ":".join(_safe(str(part)) for part in parts if part is not None)
        yield f"{place}: {problem.kind}: {_words(problem)}"
    for kind, count in problems.by_kind.most_common():
        left = problems.left_out[kind]
        more = f", {left} more than are listed" if left else ""
        yield f"{kind}: {count}{more}"
    yield _total(problems)


def table(problems: Problems, console_width: int) -> RenderableType:
    """The problems as a table for each file, and their counts by kind below."""
    made = _wide if console_width >= WIDE else _narrow
    parts: list[RenderableType] = []
    for file, group in groupby(problems.kept, key=lambda problem: problem.file):
        parts += [Text(_safe(file), style="bold"), made(list(group)), Text()]
    if len(problems.by_kind) > 1 or problems.left_out:
        parts += [_counts(problems), Text()]
    return Group(*parts, Text(_total(problems), style="bold"))


def document(problems: Problems) -> dict[str, Any]:
    """The same for a program: kept problems, counts by kind, and the total."""
    return {
        "problems": [
            {
                "file": _encodable(problem.file),
                "line": problem.line,
                "column": _encodable(problem.column),
                "value": _encodable(problem.value),
                "rule": problem.kind,
                "message": _encodable(problem.message),
                "suggestion": _encodable(problem.suggestion),
            }
            for problem in problems.kept
        ],
        "by_kind": dict(problems.by_kind.most_common()),
        "left_out": dict(problems.left_out),
        "count": problems.count,
    }


def _wide(group: list[Problem]) -> Table:
    made = _table("line", "column", "value", "what is wrong", "rule", "what to do")
    for name, ratio in (("value", 2), ("what is wrong", 4), ("what to do", 4)):
        column = next(c for c in made.columns if c.header == name)
        column.ratio, column.overflow = ratio, "fold"
    made.expand = True
    for problem in group:
        made.add_row(
            _line(problem),
            _column(problem),
            _shown(problem.value),
            Text(_safe(problem.message)),
            Text(problem.kind, style="dim"),
            Text(_safe(problem.suggestion), style="green"),
        )
    return made


def _narrow(group: list[Problem]) -> Table:
    made = _table("line", "column", "what is wrong, and what to do")
    for problem in group:
        told = Text(_safe(problem.message))
        told.append(f" [{problem.kind}]", style="dim")
        value = _shown(problem.value).plain
        if value and value[:MOST_SHOWN_CHARS] not in told.plain:
            told.append(f"\nit has: {value}")
        told.append(f"\n{_safe(problem.suggestion)}", style="green")
        made.add_row(_line(problem), _column(problem), told)
    made.columns[2].overflow = "fold"
    return made


def _counts(problems: Problems) -> Table:
    made = _table("rule", "problems", "not listed")
    for column in made.columns[1:]:
        column.justify = "right"
    for kind, count in problems.by_kind.most_common():
        left = problems.left_out[kind]
        made.add_row(Text(kind), str(count), str(left) if left else "")
    return made


def _table(*columns: str) -> Table:
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        right = column == "line"
        made.add_column(column, justify="right" if right else "left")
    made.columns[0].no_wrap = True
    if "column" in columns:
        made.columns[1].max_width = COLUMN_WIDTH
    return made


def _line(problem: Problem) -> Text:
    return Text("" if problem.line is None else str(problem.line))


def _column(problem: Problem) -> Text:
    if isinstance(problem.column, int):
        return Text(f"at {problem.column}")
    return _shown(problem.column)


def _shown(text: str | None) -> Text:
    safe = _safe(text or "")
    cut = safe[:MOST_SHOWN_CHARS]
    return Text(cut if cut == safe else cut + "…", overflow="fold")


def _words(problem: Problem) -> str:
    return f"{_safe(problem.message)}; {_safe(problem.suggestion)}"


def _total(problems: Problems) -> str:
    count = problems.count
    return f"{count} problem{'' if count == 1 else 's'}; {_NOTHING_SENT}"


def _cut(text: str | None) -> str | None:
    if text is None:
        return None
    # Masked before it is cut: half an address would keep its password.
    text = masked(text)
    return text if len(text) <= MOST_KEPT_CHARS else text[:MOST_KEPT_CHARS] + "…"


def _safe(text: str) -> str:
    """The text with all that is no plain character written as an escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _encodable(text: str | int | None) -> str | int | None:
    """The same text; halves of surrogate pairs, which UTF-8 has not, as escapes."""
    if isinstance(text, str):
        return text.encode("utf-8", "backslashreplace").decode()
    return text
