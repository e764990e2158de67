"""The ledger's side of marks, and what happens to an account that it is older for.

What a mark is, and why none is overlooked, stands in `marking`.
"""

from collections.abc import Callable, Collection

from jobs.ledger import keys
from jobs.ledger.scripts import Scripts
from jobs.ledger.server import Server
from jobs.pace.limits import WINDOW_S
from jobs.transitions import Ref


def older_words(where: str) -> str:
    """What a person should know of a ledger that is older than what was sent.

    `where` is the store that knows more.
    """
    return (
        f"the ledger is older than what was sent: {where} has a mark of requests that "
        "it has forgotten; nothing starts before they are compared: reelmill rebuild"
    )


class Marks:
    """The marks that a ledger knows."""

    def __init__(
        self, server: Server, scripts: Scripts, now: Callable[[], str]
    ) -> None:
        self._server = server
        self._scripts = scripts
        self._now = now

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
        self._scripts.run("older", self._now(), account_id, where, WINDOW_S)

    def release(self, account_id: str) -> None:
        """Let an account start again: it was compared with what was sent."""
        fields = ("older", "older_at")
        self._server.hdel(keys.account(account_id), *fields)
