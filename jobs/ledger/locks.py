"""Locks: work that one process of an account does at a time.

A lock ends by itself, so nothing that must never happen twice may rest on it: it only
spares the provider and us the same questions.
"""

from jobs.ledger import keys
from jobs.ledger.scripts import Scripts
from jobs.ledger.server import Server


class Locks:
    """Named locks with an end."""

    def __init__(self, server: Server, scripts: Scripts) -> None:
        self._server = server
        self._scripts = scripts

    def reconciliation(self, account_id: str) -> str:
        """The lock of looking for the lost answers of an account."""
        return keys.lock(account_id, "reconciliation")

    def billing(self, account_id: str) -> str:
        """The lock of comparing the billing of an account with its rows."""
        return keys.lock(account_id, "billing")

    def deleting(self, account_id: str) -> str:
        """The lock of deleting old job records of an account."""
        return keys.lock(account_id, "deleting")

    def take(self, name: str, token: str, lease_s: float) -> bool:
        """Take a lock for so many seconds; False if another has it."""
        milliseconds = int(lease_s * 1_000)
        command = ("SET", name, token, "NX", "PX", milliseconds)
        return self._server.execute_command(*command) is not None

    def release(self, name: str, token: str) -> None:
        """Give a lock back, if it is still held under this token."""
        self._scripts.run("release", name, token)
