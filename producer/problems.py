"""Problems of a manifest: collected without growing, and shown to people and programs.

It decides how many of a kind are kept and how they look; what is a problem is decided
in `jobs.manifest`, by the readers and by the check of pictures.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from jobs.manifest.rows import Problem
from jobs.text import counted, masked, visible
from producer.console import Table

#: Problems of one kind that are kept; further ones are only counted.
MOST_OF_A_KIND = 100

#: Characters that are kept of a value or a column's name; a cell can have a million.
MOST_KEPT_CHARS = 300

#: Characters of them that a table shows.
MOST_SHOWN_CHARS = 60

_WHAT = "what is wrong, and what to do"


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
        console.print(table(problems))
        return
    for line in lines(problems):
        console.out(line, highlight=False)


def lines(problems: Problems) -> Iterator[str]:
    """`file:line:column: kind: message; suggestion`, then the counts by kind.

    What does not apply is left out of the place. The form is stable.
    """
    for problem in problems.kept:
        parts = (problem.file, problem.line, problem.column)
        place = ":".join(visible(str(part)) for part in parts if part is not None)
        yield f"{place}: {problem.kind}: {_words(problem)}"
    for kind, count in problems.by_kind.most_common():
        left = problems.left_out[kind]
        more = f", {left} more than are listed" if left else ""
        yield f"{kind}: {count}{more}"
    yield _total(problems)


def table(problems: Problems) -> RenderableType:
    """The problems as a table for each file, and their counts by kind below."""
    parts: list[RenderableType] = []
    for file, group in groupby(problems.kept, key=lambda problem: problem.file):
        parts += [Text(visible(file), style="bold"), _problems_table(group), Text()]
    if len(problems.by_kind) > 1 or problems.left_out:
        parts += [_counts(problems), Text()]
    return Group(*parts, Text(_total(problems), style="bold"))


def document(problems: Problems) -> dict[str, Any]:
    """The same for a program: kept problems, counts by kind, and the total."""
    return {
        "problems": [
            {
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "value": problem.value,
                "rule": problem.kind,
                "message": problem.message,
                "suggestion": problem.suggestion,
            }
            for problem in problems.kept
        ],
        "by_kind": dict(problems.by_kind.most_common()),
        "left_out": dict(problems.left_out),
        "count": problems.count,
    }


def _problems_table(group: Iterable[Problem]) -> Table:
    made = Table(
        "line", "column", _WHAT, numbers=("line",), sentences=("column", _WHAT)
    )
    for problem in group:
        told = Text(visible(problem.message))
        told.append(f" [{problem.kind}]", style="dim")
        value = _shown(problem.value)
        if value and value[:MOST_SHOWN_CHARS] not in told.plain:
            told.append(f"\nit has: {value}")
        told.append(f"\n{visible(problem.suggestion)}", style="green")
        at = problem.column
        column = f"at {at}" if isinstance(at, int) else _shown(at)
        made.add("" if problem.line is None else str(problem.line), column, told)
    return made


def _counts(problems: Problems) -> Table:
    numbers = ("problems", "not listed")
    made = Table("rule", *numbers, numbers=numbers)
    for kind, count in problems.by_kind.most_common():
        left = problems.left_out[kind]
        made.add(kind, str(count), str(left) if left else "")
    return made


def _shown(text: str | None) -> str:
    safe = visible(text or "")
    return safe if len(safe) <= MOST_SHOWN_CHARS else safe[:MOST_SHOWN_CHARS] + "…"


def _words(problem: Problem) -> str:
    return f"{visible(problem.message)}; {visible(problem.suggestion)}"


def _total(problems: Problems) -> str:
    return f"{counted(problems.count, 'problem')}; nothing was sent"


def _cut(text: str | None) -> str | None:
    if text is None:
        return None
    # Masked before it is cut: half an address would keep its password.
    text = masked(text)
    return text if len(text) <= MOST_KEPT_CHARS else text[:MOST_KEPT_CHARS] + "…"
