"""Whether webhooks of the provider arrive: the last time that one was heard.

Looks are spaced wider only while they do, so an address that nobody can reach costs
nothing. What a webhook means is decided in `jobs.attempt.hooks` and `worker.hooks`.
"""

from jobs.ledger import keys
from jobs.ledger.server import Server

FIELD = "hook_at"


class Hooks:
    """When a genuine webhook was heard last, by account."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def heard(self, account_id: str, now_s: float) -> None:
        """One has arrived; `now_s` in unix seconds."""
        self._server.hset(keys.account(account_id), mapping={FIELD: repr(now_s)})

    def heard_at_s(self, account_id: str) -> float:
        """Unix seconds when the last one arrived; 0 if none ever did."""
        return float(self._server.hget(keys.account(account_id), FIELD) or "0")
