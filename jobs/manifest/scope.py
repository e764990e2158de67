"""Which cell a name in a template means, in one row.

It decides between columns of similar names: the exact name first, then one that is
the same but for case and punctuation, as `image_src` is `Image Src`. What is made of
the value is decided in `template.reading`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.catalogue.inputs import is_given
from jobs.manifest.template.parts import BadTemplateError
from jobs.text import guesses, plain, shown

_GAPS = re.compile(r"[^\w]+|_+")
#: More layouts than any honest manifest has; then the memory starts afresh.
_MOST_LAYOUTS = 1000


def folded(column: str) -> str:
    """The name of a column as a word.

    >>> folded("Image Src"), folded("Body (HTML)")
    ('image_src', 'body_html')
    """
    return _GAPS.sub("_", column.casefold()).strip("_")


class _Names:
    """The columns of rows that look alike, by the words that mean them."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._exact = tuple(columns)
        self._found: dict[str, str | None] = {}
        self._by_word: dict[str, list[str]] = {}
        for column in self._exact:
            self._by_word.setdefault(folded(column), []).append(column)

    def column(self, name: str) -> str | None:
        """The column of that name; None if there is none.

        Raises:
            BadTemplateError: more than one column can be meant.
        """
        if name not in self._found:
            self._found[name] = self._search(name)
        return self._found[name]

    def _search(self, name: str) -> str | None:
        if name in self._exact:
            return name
        meant = self._by_word.get(folded(name), [])
        if len(meant) > 1:
            both = " and ".join(map(shown, meant[:2]))
            instead = f'write {{{{ row["{meant[0]}"] }}}} for the first of them'
            raise BadTemplateError(f"{name} can mean {both}", instead)
        return meant[0] if meant else None

    def nearest(self, name: str, more: Iterable[str]) -> str:
        """What to do about a name that means nothing."""
        words = {folded(column): column for column in (*self._exact, *more)}
        near = guesses(folded(name), words, most=1)
        if not near:
            return "name a column of the manifest"
        column = words[near[0]]
        written = near[0] if near[0].isidentifier() else f'row["{column}"]'
        return f"did you mean {{{{ {written} }}}}?"


@dataclass(frozen=True, slots=True)
class RowScope:
    """The values that templates find in one row."""

    cells: Mapping[str, object]
    #: What defaults and the row's own place add.
    more: Mapping[str, object]
    #: True if the columns are those of a table, so that a missing one is a mistake.
    closed: bool
    _names: _Names

    def value(self, name: str, *, quiet: bool) -> object:
        """The value of that name; None where it is empty and the asker is quiet.

        Raises:
            BadTemplateError: it is empty and the asker is not quiet; or there is no
                such column, or more than one.
        """
        column = self._names.column(name)
        value = None if column is None else self.cells[column]
        if is_given(value):
            return value.strip() if isinstance(value, str) else _typed(value)
        if name in self.more:
            return self.more[name]
        if column is None and (self.closed or not quiet):
            owner = "the table" if self.closed else "this row"
            message = f"the template names {name}, which {owner} does not have"
            raise BadTemplateError(message, self._names.nearest(name, self.more))
        if quiet:
            return None
        message = f"the template needs {name}, which is empty here"
        raise BadTemplateError(message, 'fill it in, or add | default("…") to it')


def _typed(value: object) -> object:
    """Lists stay lists, so that `join` can take them; all else becomes text."""
    return value if isinstance(value, list | tuple) else plain(value)


class Scopes:
    """Makes scopes, and remembers the columns, because rows mostly look alike."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], _Names] = {}

    def of(
        self, cells: Mapping[str, object], more: Mapping[str, object], *, closed: bool
    ) -> RowScope:
        """The scope of one row."""
        columns = tuple(cells)
        names = self._known.get(columns)
        if names is None:
            if len(self._known) >= _MOST_LAYOUTS:
                self._known.clear()
            names = self._known[columns] = _Names(columns)
        return RowScope(cells, more, closed, names)
