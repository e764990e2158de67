"""What a person should know of a manifest before paying: counted, and shown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs.manifest.rows import Notice
from jobs.text import counted, masked, one_line

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
                        "value": each.value and _cut(each.value),
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
    values = [_cut(each.value) for each in sort.examples if each.value]
    is_short = values and max(map(len, values)) <= MAX_NAME_CHARS
    named = f": {', '.join(values + more)}" if is_short else ""
    places = f"{word} {', '.join(lines + more)}"
    return f" ({counted(sort.count, 'row')}: {places}{named})"


def _cut(text: str) -> str:
    text = one_line(masked(text))
    return text if len(text) <= MAX_VALUE_CHARS else text[:MAX_VALUE_CHARS] + "…"
