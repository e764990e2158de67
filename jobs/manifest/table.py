"""One table: which of its columns stands for what, found once for all of its rows."""

from collections.abc import Iterable, Mapping

from jobs.catalogue.validation import is_given
from jobs.manifest.cells import addresses
from jobs.manifest.columns import PICTURES, Columns
from jobs.manifest.layouts import Layout, Names
from jobs.manifest.products import MappedRow, Outcome, Products, Wanted
from jobs.manifest.rows import LinkedText, Row
from jobs.manifest.templates import folded


class Table:
    """Brings the rows of a table under our names."""

    def __init__(
        self,
        names: tuple[str, ...],
        layout: Layout | None,
        feeds: Mapping[str, tuple[str, ...]],
        known: Columns,
        wanted: Wanted,
        own: frozenset[str] = frozenset(),
    ) -> None:
        """Find the columns.

        Args:
            names: of its columns.
            layout: whose export it is; None if it is nobody's.
            feeds: columns by the name of ours that they feed.
            known: what our names are.
            wanted: which pictures are.
            own: names of ours that are columns of the table's own all the same.
        """
        #: What the report calls the columns that would be taken for ours.
        self._renamed = {n: f"{n} (own)" for n in names if folded(n) in own}
        names = tuple(name for name in names if name not in self._renamed)
        columns = Names(names)
        self.layout = layout
        self._wanted = wanted
        self._base = wanted.pictures_at or (layout.pictures_at if layout else "")
        theirs = frozenset(layout.columns(columns) if layout else ())
        self._feeds = _resolved(feeds, columns) | {
            name: (column,)
            for name in known.names - {*feeds, *names, *own}
            if (column := columns.find(name)) and column not in theirs
        }
        ours = {*self._feeds, *({*names} - theirs)}
        #: Our names that a person gives the pictures under.
        self._given = [name for name in PICTURES if name in ours]
        used = {*self._feeds, *(theirs & {*map(columns.find, known.names)})}
        for name, fed_by in self._feeds.items():
            if known.is_input(name) or name not in feeds:
                used |= {*fed_by}
        if layout:
            used |= {*columns.matching(*layout.pictures, *layout.unreported)}
        self._own = tuple(name for name in names if name not in used)
        #: Columns by the names that they have in the templates of every layout.
        self._names: dict[str, str] = {}
        self._pictures: list[str] = []
        self.products: Products | None = None
        if layout:
            self._follow(layout, columns)

    def _follow(self, layout: Layout, columns: Names) -> None:
        """Takes what a layout says."""
        self._pictures = [*dict.fromkeys(columns.matching(*layout.pictures))]
        known = {*map(folded, columns)}
        for name, wanted in layout.names.items():
            column = columns.find(wanted)
            if column and name not in known:
                self._names[name] = column
        if self._feeds.get("id") == (columns.find(layout.ids[0]),):
            del self._feeds["id"]
        fed_by = {self._feeds.get(name, (name,)) for name in self._given}
        self.products = Products(
            layout,
            columns,
            self._wanted,
            has_positions=fed_by <= {(column,) for column in self._pictures},
        )

    def source(self, name: str) -> str:
        """The column that one of our names is taken from; the name where it has one."""
        if name in self._feeds:
            return self._feeds[name][0]
        if name in PICTURES and self._pictures and not self._given:
            return self._pictures[0]
        if name == "id" and self.products and name not in self._own:
            return self.products.id_column
        return name

    def map(self, row: Row) -> Iterable[Outcome]:
        """The videos that a row asks for, each as a row under our names."""
        scope = dict(row.cells)
        if self.products:
            self.products.enter(scope)
        for name, column in self._names.items():
            scope[name] = scope[column]
        cells = {column: scope[column] for column in self._own if column in scope}
        for name, other in self._renamed.items():
            if name in scope:
                cells[other] = scope[name]
        for name, columns in self._feeds.items():
            scope[name] = cells[name] = _value(columns, scope)
        under_ours = Row(row.file, row.line, row.number, cells, row.lines)
        mapped = MappedRow(under_ours, scope, self._pictures_of(scope))
        if self.products:
            return self.products.take(mapped)
        if len(mapped.pictures) > 1 and self._wanted.every:
            return [
                MappedRow(under_ours, scope, [picture], None, number, number)
                for number, picture in enumerate(mapped.pictures, 1)
            ]
        return [mapped]

    def _pictures_of(self, scope: Mapping[str, object]) -> list[str]:
        """The addresses that a row has; empty where its cell is taken as it is."""
        if self._given or not self._pictures:
            cell = next(filter(is_given, map(scope.get, self._given)), None)
            found = self._complete(addresses(cell))
            # What is wrong with a single one is told of the cell as it is written.
            is_taken = self.products or len(found) > 1 or isinstance(cell, LinkedText)
            return found if is_taken or self._base else []
        every = (
            one for column in self._pictures for one in addresses(scope.get(column))
        )
        return self._complete([*dict.fromkeys(every)])

    def _complete(self, pictures: list[str]) -> list[str]:
        """Puts the address of the shop before pictures that have none."""
        empty = self.layout.no_picture if self.layout else ""
        if empty in pictures:
            pictures = [one for one in pictures if one != empty]
        return [self._address(one) for one in pictures] if self._base else pictures

    def _address(self, picture: str) -> str:
        if "//" in picture:
            return picture
        path = picture.lstrip("/")
        path = path.replace(" ", "%20") if "//" in self._base else path
        return f"{self._base.rstrip('/')}/{path}"


def _resolved(
    feeds: Mapping[str, tuple[str, ...]], columns: Names
) -> dict[str, tuple[str, ...]]:
    """The feeds with the names of columns as the table spells them."""
    return {
        name: tuple(columns.find(column) or column for column in several)
        for name, several in feeds.items()
    }


def _value(columns: tuple[str, ...], cells: Mapping[str, object]) -> object:
    """What stands in the columns that feed one name."""
    if len(columns) == 1:
        return cells.get(columns[0])
    return [cells[column] for column in columns if is_given(cells.get(column))] or None
