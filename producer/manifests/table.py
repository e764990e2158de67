"""Tables: rows below a line of names, in CSV and in workbooks.

Columns without a name, or with a name that an earlier column has, are ignored as long
as they are empty.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from jobs.manifest.column_mapping import Columns
from jobs.manifest.rows import Header, Problem, Row
from jobs.text import plain, shown


@dataclass(slots=True)
class Table:
    """The columns of one table."""

    header: Header
    #: Places of the columns that count, from 0, by name.
    places: Mapping[str, int]
    #: Places of ignored columns, with the place of the column that has their name.
    ignored: dict[int, int | None]
    #: How many cells the header has.
    width: int

    def rows(
        self, line: int, number: int, written: Sequence[object]
    ) -> Iterator[Row | Problem]:
        """A row, after problems with what stands in ignored columns, each told once.

        `written` may have more cells than the header, or fewer; `number` counts rows.
        """
        file = self.header.file
        if not self.ignored and len(written) == self.width:
            cells = dict(zip(self.header.names, written, strict=True))
            yield Row(file, line, number, cells)
            return
        for place, cell in enumerate(written):
            if is_blank(cell) or (place < self.width and place not in self.ignored):
                continue
            first = self.ignored.get(place)
            if first is None or cell != written[first]:
                self.ignored[place] = place  # told now, and not again
                name = "" if first is None else self._name(first)
                yield _unclear(file, line, name, place, cell)
        written = [*written, *[""] * (self.width - len(written))]
        cells = {name: written[place] for name, place in self.places.items()}
        yield Row(file, line, number, cells)

    def _name(self, place: int) -> str:
        return next(name for name, at in self.places.items() if at == place)


def unclear_names(
    file: str, line: int, written: Sequence[str], columns: Columns
) -> list[Problem]:
    """Problems with two columns of one name, if the name feeds a job."""
    names = [cell.strip() for cell in written]
    return [
        _unclear(file, line, name, place, name)
        for place, name in enumerate(names)
        if columns.is_known(name) and names.index(name) < place
    ]


def table_of(file: str, line: int, written: Sequence[str]) -> Table:
    """The table below a line of names; of columns with one name the first counts."""
    places: dict[str, int] = {}
    ignored: dict[int, int | None] = {}
    for place, cell in enumerate(written):
        name = cell.strip()
        if not name or name in places:
            ignored[place] = places.get(name)
        else:
            places[name] = place
    return Table(Header(file, line, tuple(places)), places, ignored, len(written))


def is_blank(cell: object) -> bool:
    """True for an empty cell, or one with white space only."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _unclear(file: str, line: int, name: str, place: int, cell: object) -> Problem:
    message = f"the column at place {place + 1} has no name"
    suggestion = "give it a name or take it out"
    if name:
        message = f"two columns are called {shown(name)}"
        suggestion = "rename or take out one of them"
    column = name or place + 1
    return Problem(file, line, column, plain(cell), message, suggestion, "header")
