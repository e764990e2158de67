"""Marks: what tells, from outside of the ledger, that it is older than what was sent.

A ledger can lose its last minutes without a word: it was put back from a backup, its
file was cut at the end, a replica that lagged took over. So each block of claims has a
mark, an id of its own, in the ledger and as a small file in the store of its batches;
both are there before the paid requests leave. A mark in the store that the ledger does
not know is of claims that it has forgotten.

Why no such block is overlooked, whoever dies where: a ledger forgets from its end, and
takes a mark only while it has the claims that were made under it; so a mark that it
knows is of claims that it knows. Whoever sends has left the mark in the store before
asking the ledger for it once more, and has looked into the store after claiming. So of
two workers that claim the same row, one before and one after the ledger went back, at
least one finds a mark that is not known.
"""

from collections.abc import Collection
from dataclasses import dataclass

from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.moves import Ref
from jobs.rebuilding.copies import marks_folder
from jobs.storage import Store


class OlderLedgerError(Exception):
    """The ledger does not know all that was sent."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Claims whose mark lies in their store."""

    #: Those of them that may be sent.
    claims: frozenset[Ref] = frozenset()
    #: Earlier marks in the same store, for which the new one stands as well.
    earlier: frozenset[str] = frozenset()


def leave_mark(
    ledger: Ledger, store: Store, mark: str, claims: Collection[Ref], worker: str
) -> Marked:
    """Leave a mark of claims that were just made; only after this may they be sent.

    Args:
        ledger: that has the claims.
        store: where their videos go.
        mark: under which they were made; never used before.
        claims: the claimed jobs.
        worker: who claims, for a person who finds the file.

    Raises:
        OlderLedgerError: the ledger has forgotten what was sent; its accounts are held.
        StoreError: the store does not take the mark.
    """
    folder, there = marks_folder(ledger.identity.name()), _in_store(ledger, store)
    held, missing = ledger.marks.add(mark, claims, there)
    if _are_forgotten(ledger, store, missing):
        raise _held(ledger, store)
    if not held:
        return Marked()
    text = f"{worker} sent something after this\n"
    store.put_text(f"{folder}/{mark}", text, "text/plain")
    if _are_forgotten(ledger, store, {mark} - ledger.marks.known({mark})):
        raise _held(ledger, store)
    return Marked(frozenset(held), frozenset(there))


def take_earlier(ledger: Ledger, store: Store, marked: Marked) -> None:
    """Take the marks away for which a newer one stands.

    Raises:
        StoreError: the store does not let go of one.
    """
    folder = marks_folder(ledger.identity.name())
    for each in marked.earlier:
        store.remove(f"{folder}/{each}")
    # Only now: whoever misses one in the ledger looks whether it is still there.
    ledger.marks.drop(marked.earlier)


def is_older(ledger: Ledger, store: Store) -> bool:
    """Whether a store has marks that the ledger does not know.

    Raises:
        StoreError: the store does not tell.
    """
    there = _in_store(ledger, store)
    return _are_forgotten(ledger, store, there - ledger.marks.known(there))


def must_be_whole(ledger: Ledger, store: Store) -> None:
    """Return if the ledger knows all marks in a store.

    Raises:
        OlderLedgerError: it does not; its accounts are held.
        StoreError: the store does not tell.
    """
    if is_older(ledger, store):
        raise _held(ledger, store)


def accept_marks(ledger: Ledger, store: Store) -> None:
    """Know all marks in a store, once the ledger was compared with what was sent.

    Raises:
        StoreError: the store does not tell.
    """
    ledger.marks.learn(_in_store(ledger, store))


def _are_forgotten(ledger: Ledger, store: Store, missing: Collection[str]) -> bool:
    # One that is missing in both was taken away meanwhile, by whoever knew it.
    return bool(missing) and not _in_store(ledger, store).isdisjoint(missing)


def _held(ledger: Ledger, store: Store) -> OlderLedgerError:
    ledger.marks.hold_accounts(store.url)
    return OlderLedgerError(older_words(store.url))


def _in_store(ledger: Ledger, store: Store) -> set[str]:
    name = ledger.identity.known()
    keys = store.sizes(marks_folder(name)) if name else {}
    return {key.rpartition("/")[2] for key in keys}
