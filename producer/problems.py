"""Problems and notices of a manifest: counted, the first of a kind kept, and shown."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from jobs.manifest.rows import Notice, Problem
from jobs.text import counted, masked, one_line, visible
from producer.console import Table

#: Problems of one kind that are kept; further ones are only counted.
MAX_OF_A_KIND = 100

#: Rows that are listed though they say the very same.
MAX_ALIKE = 3

#: Characters that are kept of a value or a column's name; a cell can have a million.
MAX_KEPT_CHARS = 300

#: Characters of them that a table shows.
MAX_SHOWN_CHARS = 60


@dataclass(slots=True)
class Problems:
    """The problems of one manifest, as many as a person can use."""

    by_kind: Counter[str] = field(default_factory=Counter)
    _kept: list[Problem] = field(default_factory=list)
    #: How often each thing was said, with the line set aside.
    _alike: Counter[Problem] = field(default_factory=Counter)
    #: Different things of each kind.
    _distinct: Counter[str] = field(default_factory=Counter)
    #: Files in the order in which they were met; the first is shown first.
    _files: dict[str, int] = field(default_factory=dict)

    def add(self, problem: Problem) -> None:
        """Take one more; what many rows say alike is kept once."""
        self.by_kind[problem.kind] += 1
        column = problem.column
        column = _cut(column) if isinstance(column, str) else column
        problem = replace(problem, column=column, value=_cut(problem.value))
        said = _what(problem)
        if said not in self._alike:
            self._distinct[problem.kind] += 1
            if self._distinct[problem.kind] > MAX_OF_A_KIND:
                return
        self._alike[said] += 1
        if self._alike[said] <= MAX_ALIKE:
            self._files.setdefault(problem.file, len(self._files))
            self._kept.append(problem)

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
        shown, seen = [], set[Problem]()
        for problem in self._kept:
            said = _what(problem)
            if (many := self._alike[said]) <= MAX_ALIKE:
                shown.append(problem)
            elif said not in seen:
                seen.add(said)
                shown.append(replace(problem, more=many - 1))
        return sorted(shown, key=lambda p: (self._files[p.file], p.line or 0))

    @property
    def left_out(self) -> Counter[str]:
        """How many are counted and not kept, by kind; without kinds kept whole."""
        kept = Counter[str]()
        for problem in self.kept:
            kept[problem.kind] += 1 + problem.more
        return self.by_kind - kept


def _what(problem: Problem) -> Problem:
    """A problem without its place and its value."""
    return replace(problem, line=None, value=None)


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
        words = f"{visible(problem.message)}; {visible(problem.suggestion)}"
        words += _same_in(problem)
        yield f"{place}: {problem.kind}: {words}"
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
        numbers = ("problems", "not listed")
        counts = Table("rule", *numbers, numbers=numbers)
        for kind, count in problems.by_kind.most_common():
            counts.add(kind, str(count), str(problems.left_out[kind] or ""))
        parts += [counts, Text()]
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
                "more_rows": problem.more,
            }
            for problem in problems.kept
        ],
        "by_kind": dict(problems.by_kind.most_common()),
        "left_out": dict(problems.left_out),
        "count": problems.count,
    }


def _problems_table(group: Iterable[Problem]) -> Table:
    what = "what is wrong, and what to do"
    columns = ("line", "column", what)
    made = Table(*columns, numbers=("line",), sentences=("column", what))
    for problem in group:
        told = Text(visible(problem.message))
        told.append(f" [{problem.kind}]", style="dim")
        value = _shown(problem.value)
        if value and value[:MAX_SHOWN_CHARS] not in told.plain:
            told.append(f"\nit has: {value}")
        told.append(_same_in(problem))
        told.append(f"\n{visible(problem.suggestion)}", style="green")
        at = problem.column
        column = f"at {at}" if isinstance(at, int) else _shown(at)
        made.add("" if problem.line is None else str(problem.line), column, told)
    return made


def _same_in(problem: Problem) -> str:
    rows = counted(problem.more, "row")
    return f" (the same in {rows} below)" if problem.more else ""


def _shown(text: str | None) -> str:
    safe = visible(text or "")
    return safe if len(safe) <= MAX_SHOWN_CHARS else safe[:MAX_SHOWN_CHARS] + "…"


def _total(problems: Problems) -> str:
    return f"{counted(problems.count, 'problem')}; nothing was sent"


def _cut(text: str | None) -> str | None:
    if text is None:
        return None
    # Masked before it is cut: half an address would keep its password.
    text = masked(text)
    return text if len(text) <= MAX_KEPT_CHARS else text[:MAX_KEPT_CHARS] + "…"


# Notices: what a user should know of a manifest before paying, although it is in order.

#: Notices of one sort whose places are kept; further ones are only counted.
MAX_EXAMPLES = 5
#: Sorts that are kept apart.
MAX_SORTS = 200
#: Characters that are kept of a value, and of one that a sentence names.
MAX_VALUE_CHARS, MAX_NAME_CHARS = 100, 40


@dataclass(slots=True)
class _Sort:
    """Notices that say the same."""

    count: int = 0
    examples: list[Notice] = field(default_factory=list)


@dataclass(slots=True)
class Notices:
    """The notices of one manifest; their memory has a bound."""

    _sorts: dict[tuple[str, str, str], _Sort] = field(default_factory=dict)

    def add(self, notice: Notice) -> None:
        """Take one more."""
        words = (notice.kind, notice.message, notice.suggestion)
        if words not in self._sorts and len(self._sorts) >= MAX_SORTS:
            return
        sort = self._sorts.setdefault(words, _Sort())
        sort.count += 1
        if sort.count <= MAX_EXAMPLES:
            sort.examples.append(notice)

    def lines(self) -> Iterator[str]:
        """A sentence for each sort."""
        for (_, message, suggestion), sort in self._sorts.items():
            said = f"warning: {message}{_places(sort)}"
            yield f"{said}; {suggestion}" if suggestion else said

    def document(self) -> list[dict[str, Any]]:
        """The same for a program."""
        return [
            {
                "kind": kind,
                "message": message,
                "suggestion": suggestion or None,
                "count": sort.count,
                "examples": [
                    {
                        "file": each.file,
                        "line": each.line,
                        "column": each.column,
                        "value": each.value and _short(each.value),
                    }
                    for each in sort.examples
                ],
            }
            for (kind, message, suggestion), sort in self._sorts.items()
        ]


def _places(sort: _Sort) -> str:
    """How many rows, and the first of them: ` (2 rows: lines 3, 4)`."""
    lines = [str(each.line) for each in sort.examples if each.line]
    if not lines:
        return f" ({counted(sort.count, 'row')})" if sort.count > 1 else ""
    more = ["…"] if sort.count > len(sort.examples) else []
    word = "line" if len(lines) == 1 and not more else "lines"
    values = [_short(each.value) for each in sort.examples if each.value]
    is_short = values and max(map(len, values)) <= MAX_NAME_CHARS
    named = f": {', '.join(values + more)}" if is_short else ""
    places = f"{word} {', '.join(lines + more)}"
    return f" ({counted(sort.count, 'row')}: {places}{named})"


def _short(text: str) -> str:
    text = one_line(masked(text))
    return text if len(text) <= MAX_VALUE_CHARS else text[:MAX_VALUE_CHARS] + "…"
