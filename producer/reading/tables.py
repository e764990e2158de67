"""Tables: rows below a line of names, whether they come as CSV or in a workbook.

It decides which columns of a table count and how its cells become a row; whether the
names mean anything is judged in `jobs.manifest`, and where cells begin and end in
`csv_rows` and `xlsx_rows`. Columns that spreadsheets leave behind, without a name or
with one that is taken, are passed over as long as nothing stands in them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Problem
from jobs.wording import plain, shown


@dataclass(slots=True)
class Table:
    """The columns of one table, and what was told about them."""

    header: Header
    #: Places of the columns that count, from 0, by name.
    places: Mapping[str, int]
    #: Places of columns to pass over, with the place that has the name already.
    spare: dict[int, int | None] = field(default_factory=dict)
    #: How many cells a row has.
    width: int = 0

    def cells(self, written: Sequence[object]) -> dict[str, object]:
        """The cells of a row by the names of their columns."""
        if not self.spare:
            return dict(zip(self.header.names, written, strict=True))
        return {name: written[place] for name, place in self.places.items()}

    def strays(self, line: int, written: Sequence[object]) -> list[Problem]:
        """What stands in columns that are passed over; each is told once."""
        problems = []
        for place, first in [*self.spare.items()]:
            cell = written[place]
            if is_blank(cell) or (first is not None and cell == written[first]):
                continue
            # It stays a column to pass over, but nothing more can be new about it.
            self.spare[place] = place
            name = self._name(first)
            message, suggestion = _stray(name, place)
            column = name or place + 1
            value = plain(cell)
            problems.append(
                Problem(
                    self.header.file, line, column, value, message, suggestion, "header"
                )
            )
        return problems

    def _name(self, place: int | None) -> str:
        return next((n for n, at in self.places.items() if at == place), "")


def unclear_names(
    file: str, line: int, written: Sequence[str], columns: Columns
) -> list[Problem]:
    """Names that two columns have although the name means something by itself."""
    names = [cell.strip() for cell in written]
    problems = []
    for place, name in enumerate(names):
        if columns.is_known(name) and names.index(name) < place:
            message, suggestion = _stray(name, place)
            problems.append(
                Problem(file, line, name, name, message, suggestion, "header")
            )
    return problems


def table_of(file: str, line: int, written: Sequence[str]) -> Table:
    """The table that a line of names begins; of one name twice the first counts."""
    places: dict[str, int] = {}
    spare: dict[int, int | None] = {}
    for place, cell in enumerate(written):
        name = cell.strip()
        if not name or name in places:
            spare[place] = places.get(name)
        else:
            places[name] = place
    return Table(Header(file, line, tuple(places)), places, spare, len(written))


def _stray(name: str, place: int) -> tuple[str, str]:
    if name:
        return f"two columns are called {shown(name)}", "rename or take out one of them"
    message = f"the column at place {place + 1} has no name"
    return message, "give it a name or take it out"


def is_blank(cell: object) -> bool:
    """True for a cell in which nothing stands, or only white space."""
    return cell is None or (isinstance(cell, str) and not cell.strip())
