"""Permits: rate, concurrency and budget, taken together, across all processes."""

from collections.abc import Callable
from dataclasses import dataclass

from jobs.ledger import keys
from jobs.ledger.scripts import Scripts
from jobs.ledger.server import Server
from jobs.limits import Limits
from jobs.moves import Ref


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """How an account stands."""

    id: str
    limits: Limits | None
    slots_in_use: int
    #: Unix seconds; nothing starts before.
    cooling_until_s: float
    #: Refusals in a row; above 0 only one probe goes out at a time.
    strikes: int
    #: `key`, `permission`, `balance`, or empty when it is only busy.
    trouble: str
    #: The provider's words for why it rests.
    reason: str
    paused: bool
    #: How often it was refused in all (429 and trouble).
    refusals: int


class Permits:
    """Who may start, by account."""

    def __init__(
        self, server: Server, scripts: Scripts, now: Callable[[], str]
    ) -> None:
        self._server = server
        self._scripts = scripts
        self._now = now

    def set_limits(self, account_id: str, limits: Limits) -> None:
        """Write down what the account may do; the latest word counts for all."""
        self._server.hset(
            keys.account(account_id),
            mapping={
                "videos_per_minute": limits.videos_per_minute,
                "concurrent_videos": limits.concurrent_videos,
            },
        )

    def grant(self, account_id: str, most: int, lease_s: float) -> list[Ref]:
        """Admit up to `most` waiting jobs, as limits, budgets and fairness allow."""
        refs = self._scripts.run("grant", self._now(), account_id, most, lease_s)
        return [Ref.parse(ref) for ref in refs]

    def strike(
        self, account_id: str, rest_s: float, reason: str, trouble: str, strikes: int
    ) -> int:
        """The account was refused: let it rest; its refusals in a row.

        Args:
            account_id: whose request it was.
            rest_s: seconds that nothing starts.
            reason: the provider's words.
            trouble: `key`, `permission`, `balance`, or empty for too many requests.
            strikes: refusals in a row when the request went out, so that a burst of
                refusals counts once.
        """
        return int(
            self._scripts.run(
                "strike", self._now(), account_id, rest_s, reason, trouble, strikes
            )
        )

    def read(self, account_id: str) -> AccountRecord:
        """How the account stands."""
        raw = self._server.hgetall(keys.account(account_id))
        limits = None
        if "videos_per_minute" in raw:
            limits = Limits(
                videos_per_minute=int(raw["videos_per_minute"]),
                concurrent_videos=int(raw["concurrent_videos"]),
            )
        return AccountRecord(
            id=account_id,
            limits=limits,
            slots_in_use=self._server.zcard(keys.slots(account_id)),
            cooling_until_s=float(raw.get("cooling_until", "0")),
            strikes=int(raw.get("strikes", "0")),
            trouble=raw.get("trouble", ""),
            reason=raw.get("reason", ""),
            paused=raw.get("paused") == "1",
            refusals=int(raw.get("refusals", "0")),
        )

    def holders(self, account_id: str) -> list[Ref]:
        """Jobs that hold a slot."""
        refs = self._server.zrange(keys.slots(account_id), 0, -1)
        return [Ref.parse(ref) for ref in refs]
