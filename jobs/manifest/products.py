"""The rows of an export, from product to product: which of them ask for a video."""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from shlex import quote
from typing import NamedTuple, TypeAlias

from jobs.catalogue.validation import is_given
from jobs.manifest.layouts import Layout, Names, matches
from jobs.manifest.naming import fitting_id
from jobs.manifest.rows import Notice, Row, Skipped
from jobs.text import plain

VARIANT = "variant rows without a picture of their own"
FURTHER_PICTURE = "further pictures of a product"
SAME_PICTURE = "rows with a picture that their product had before"

_POSITION = re.compile(r"[1-9][0-9]{0,5}")


class MappedRow(NamedTuple):
    """A row under our names: it asks for one video."""

    #: Its cells feed the model, or are the row's own data.
    row: Row
    #: Every column, under its own name and under ours, for templates.
    scope: Mapping[str, object]
    #: Addresses of its pictures, the main one first; empty where `row` has them.
    pictures: Sequence[str] = ()
    #: What its id is made of where nobody gives one: a name,
    name: str | None = None
    #: and which picture of its product it is about, from 1.
    number: int = 1
    #: The same among the pictures of its row.
    number_in_row: int = 1


Outcome: TypeAlias = MappedRow | Skipped | Notice


class Wanted(NamedTuple):
    """Which pictures a video is made of."""

    #: Of each product in an export only the first.
    only_first: bool = False
    #: Each of a row that has several, not the first alone.
    every: bool = False
    #: What stands before those that are no whole address.
    pictures_at: str | None = None


class Products:
    """Follows the rows of an export, holding one row at most."""

    def __init__(
        self, layout: Layout, columns: Names, wanted: Wanted, *, has_positions: bool
    ) -> None:
        """Find the columns; without `has_positions` pictures are simply counted."""
        self._wanted = wanted
        self._group = columns.find(layout.group)
        self._position = columns.find(layout.position) if has_positions else None
        self._ids = [*filter(None, map(columns.find, layout.ids))]
        #: Where a person sees what ids are made of.
        self.id_column = self._ids[0] if self._ids else "id"
        self._title = columns.find(layout.names.get("title", ""))
        self._filled_down = [*filter(None, map(columns.find, layout.filled_down))]
        variant, _, self._variant_value = layout.variant.partition("=")
        self._variant = columns.find(variant)
        self._status = layout.status
        status = layout.status.column if layout.status else ""
        self._status_column = columns.find(status)
        #: Digests of the pictures of all products.
        self._seen: set[bytes] = set()
        self._key: object = None
        self._is_new = True
        #: What the present product's first row gives for all of its rows.
        self._shared: dict[str, object] = {}
        #: How many pictures of the present product were met.
        self._pictures = 0
        #: Its first row, while no row with a picture has come.
        self._bare: MappedRow | None = None
        #: With `only_first`, its picture with the lowest position.
        self._first: MappedRow | None = None

    def enter(self, cells: dict[str, object]) -> None:
        """Fills in what a row shares with the first row of its product."""
        key = cells.get(self._group) if self._group else None
        self._is_new = not is_given(key) or key != self._key
        if self._is_new:
            self._key, self._shared = key, {}
        shared = self._shared
        get = cells.get
        for column in self._filled_down:
            # Most are empty, and this is quicker than a call.
            if (value := get(column)) and is_given(value):
                shared.setdefault(column, value)
            elif column in shared:
                cells[column] = shared[column]

    def take(self, mapped: MappedRow) -> Iterator[Outcome]:
        """What a row that was entered asks for; a product's first may come later."""
        is_first = self._is_new
        if is_first:
            yield from self.finish()
            self._pictures = 0
        if not mapped.pictures:
            if is_first and not self._is_variant(mapped):
                self._bare = mapped
            else:
                yield _skipped(mapped, VARIANT)
            return
        if self._bare:
            yield _skipped(self._bare, VARIANT)
            self._bare = None
        if not self._pictures:
            yield from self._status_notice(mapped)
        yield from self._videos(mapped)

    def finish(self) -> Iterator[Outcome]:
        """What is left of the last product once no row of it can follow."""
        if self._first:
            yield self._first
        if self._bare:
            row = self._bare.row
            yield Notice(
                "product-without-picture",
                "a product has no picture, and no video is made of it",
                "give it a picture in the shop, if it should have a video",
                *(row.file, row.line),
                value=self._product(self._bare),
            )
        self._bare = self._first = None

    def _videos(self, mapped: MappedRow) -> Iterator[Outcome]:
        """The videos of a row with pictures."""
        pictures, every = mapped.pictures, self._wanted.every
        videos = [[one] for one in pictures] if every else [pictures]
        for number_in_row, of_video in enumerate(videos, 1):
            if self._was_seen(of_video[0]):
                yield _skipped(mapped, SAME_PICTURE)
                continue
            self._pictures += 1
            number = self._given_position(mapped) or self._pictures
            name = self._name(mapped)
            one = MappedRow(
                mapped.row, mapped.scope, of_video, name, number, number_in_row
            )
            if self._wanted.only_first:
                yield from self._kept_back(one)
            else:
                yield one

    def _kept_back(self, one: MappedRow) -> Iterator[Skipped]:
        """Keeps the first picture of a product back; says which is not wanted."""
        # The mark of the product itself stays: it may come back later in the file.
        if self._first is None and not self._was_seen(""):
            self._first = one
            return
        if self._first and one.number < self._first.number:
            self._first, one = one, self._first
        yield _skipped(one, FURTHER_PICTURE)

    def _was_seen(self, picture: str) -> bool:
        """True if the present product has had the picture, anywhere above."""
        if self._key is None:
            return False
        text = f"{plain(self._key)}\n{picture}"
        digest = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        before = len(self._seen)
        self._seen.add(digest)
        return len(self._seen) == before

    def _given_position(self, mapped: MappedRow) -> int | None:
        column = self._position if self._key is not None else None
        text = plain(mapped.scope.get(column, "")).strip() if column else ""
        return int(text) if _POSITION.fullmatch(text) else None

    def _is_variant(self, mapped: MappedRow) -> bool:
        column = self._variant
        return column is not None and matches(
            mapped.scope.get(column), self._variant_value
        )

    def _name(self, mapped: MappedRow) -> str | None:
        """What the id of a row is made of; None if it has nothing to be named by."""
        given = (mapped.scope.get(column) for column in self._ids)
        value = next(filter(is_given, given), None)
        return None if value is None else fitting_id(plain(value))

    def _product(self, mapped: MappedRow) -> str:
        """What a person calls the product of a row."""
        given = (mapped.scope.get(one) for one in (*self._ids, self._title) if one)
        return plain(next(filter(is_given, given), f"line {mapped.row.line}"))

    def _status_notice(self, mapped: MappedRow) -> Iterator[Notice]:
        """A notice of a product that is not for sale."""
        status, column = self._status, self._status_column
        if status is None or column is None:
            return
        for value, word in status.others.items():
            if not matches(mapped.scope.get(column), value):
                continue
            option = quote(f"{column}={status.listed}")
            yield Notice(
                "not-for-sale",
                f"{word} products are among them",
                f"leave them out with --where {option}",
                *(mapped.row.file, mapped.row.line, column),
                self._product(mapped),
            )
            return


def _skipped(mapped: MappedRow, reason: str) -> Skipped:
    return Skipped(mapped.row.file, mapped.row.line, reason)
