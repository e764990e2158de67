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

All of this holds for each account by itself, and marks bear its name: an account that
was compared goes on though another was not.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.ledger import keys
from jobs.ledger.server import Part
from jobs.pace.limits import WINDOW_S
from jobs.rebuilding.copies import marks_folder
from jobs.storage import Store
from jobs.transitions import Ref

if TYPE_CHECKING:
    from jobs.ledger import Ledger


def older_words(where: str) -> str:
    """What a person should know of a ledger that is older than what was sent.

    `where` is the store that knows more.
    """
    return (
        f"the ledger is older than what was sent: {where} has a mark of requests that "
        "it has forgotten; nothing starts before they are compared: reelmill rebuild"
    )


class Marks(Part):
    """The marks that a ledger knows."""

    def add(
        self, mark: str, claims: Collection[Ref], there: Collection[str]
    ) -> tuple[set[Ref], set[str]]:
        """Know a mark of claims that were made under it, in one step.

        So whatever state of the ledger has the mark has these claims, and has had all
        other marks that were there.

        Args:
            mark: which.
            claims: jobs that were claimed under it.
            there: other marks that lie in the store.

        Returns:
            Those of the claims that are still there; without any the mark is not known.
            And those of the other marks that are not known.
        """
        args = (mark, len(there), *there, *claims)
        held, missing = self._scripts.run("mark", *args)
        return set(map(Ref.parse, held)), set(missing)

    def known(self, marks: Collection[str]) -> set[str]:
        """Those of these that the ledger knows."""
        if not marks:
            return set()
        answers = self._server.execute_command("SMISMEMBER", keys.MARKS, *marks)
        return {mark for mark, is_known in zip(marks, answers, strict=True) if is_known}

    def learn(self, marks: Collection[str]) -> None:
        """Know these from now on."""
        if marks:
            self._server.execute_command("SADD", keys.MARKS, *marks)

    def drop(self, marks: Collection[str]) -> None:
        """Know these no more."""
        if marks:
            self._server.execute_command("SREM", keys.MARKS, *marks)

    def hold_account(self, account_id: str, where: str) -> None:
        """Let an account start nothing before its ledger was compared.

        The starts that it has forgotten are taken to be as many as a window may hold.
        `where` is the store that knows more.
        """
        self._run("older", account_id, where, WINDOW_S)

    def release(self, account_id: str) -> None:
        """Let an account start again: it was compared with what was sent."""
        fields = ("older", "older_at")
        self._server.hdel(keys.account(account_id), *fields)


class OlderLedgerError(Exception):
    """The ledger does not know all that was sent."""


@dataclass(frozen=True, slots=True)
class Marked:
    """Claims whose mark lies in their store."""

    #: Those of them that may be sent.
    claims: frozenset[Ref] = frozenset()
    #: Earlier marks in the same store, for which the new one stands as well.
    earlier: frozenset[str] = frozenset()


class StoreMarks:
    """The marks of one account in one store."""

    def __init__(self, ledger: "Ledger", store: Store, account_id: str) -> None:
        self._ledger = ledger
        self._store = store
        self._account_id = account_id

    def leave(self, mark: str, claims: Collection[Ref], worker: str) -> Marked:
        """Leave a mark of claims that were just made; only after it may they be sent.

        Args:
            mark: under which they were made; letters and digits, never used before.
            claims: jobs whose videos go to the store.
            worker: who claims, for a person who finds the file.

        Raises:
            OlderLedgerError: the ledger has forgotten what was sent; the account is
                held.
            StoreError: the store does not take the mark.
        """
        known, key, there = self._ledger.marks, self._key(mark), self._there()
        held, missing = known.add(mark, claims, there)
        self._refuse_if_forgotten(missing)
        if not held:
            return Marked()
        text = f"{worker} sent something after this\n"
        self._store.put(key, text.encode(), "text/plain")
        self._refuse_if_forgotten({mark} - known.known({mark}))
        return Marked(frozenset(held), frozenset(there))

    def take_earlier(self, marked: Marked) -> None:
        """Take the marks away for which a newer one stands.

        Raises:
            StoreError: the store does not let go of one.
        """
        for each in marked.earlier:
            self._store.remove(self._key(each))
        # Only now: whoever misses one in the ledger looks whether it is still there.
        self._ledger.marks.drop(marked.earlier)

    def are_forgotten(self) -> bool:
        """Whether there are marks that the ledger does not know.

        Raises:
            StoreError: the store does not tell.
        """
        there = self._there()
        return self._is_any_there(there - self._ledger.marks.known(there))

    def must_be_known(self) -> None:
        """Return if the ledger knows all of them.

        Raises:
            OlderLedgerError: it does not; the account is held.
            StoreError: the store does not tell.
        """
        if self.are_forgotten():
            raise self._held()

    def accept(self) -> None:
        """Know all of them, once the ledger was compared with what was sent.

        Raises:
            StoreError: the store does not tell.
        """
        self._ledger.marks.learn(self._there())

    def _refuse_if_forgotten(self, missing: Collection[str]) -> None:
        if self._is_any_there(missing):
            raise self._held()

    def _is_any_there(self, missing: Collection[str]) -> bool:
        # One that is missing in both was taken away meanwhile, by whoever knew it.
        return bool(missing) and not self._there().isdisjoint(missing)

    def _held(self) -> OlderLedgerError:
        self._ledger.marks.hold_account(self._account_id, self._store.url)
        return OlderLedgerError(older_words(self._store.url))

    def _key(self, mark: str) -> str:
        folder = marks_folder(self._ledger.identity.name())
        return f"{folder}/{mark}.{self._account_id}"

    def _there(self) -> set[str]:
        name = self._ledger.identity.known()
        keys = self._store.sizes(marks_folder(name)) if name else {}
        found = (key.rpartition("/")[2].partition(".") for key in keys)
        return {mark for mark, _, account in found if account == self._account_id}
