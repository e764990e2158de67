"""Permits: rate, concurrency and budget, taken together, across all processes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from jobs.attempt.failures import Rejection
from jobs.ledger import keys
from jobs.ledger.server import Part
from jobs.pace.limits import Limits
from jobs.transitions import Ref

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """How an account stands."""

    id: str
    limits: Limits | None
    slots_in_use: int
    #: Unix seconds; nothing starts before.
    cooling_until_s: float
    #: Above 0 only one probe goes out at a time.
    consecutive_rejections: int
    #: `key`, `permission`, `balance`, or empty when it is only busy.
    trouble: str
    #: The provider's words for why it cools down or is in trouble.
    reason: str
    #: By a person, or because the ledger is `older`.
    paused: bool
    #: How many answers let it cool down, over all time.
    refusals: int
    #: How many at once 429s have left of its limit; None where that is all.
    adaptive_concurrency: int | None
    #: Cap over what one UTC day may cost, and what today has cost or reserved.
    daily_budget_usd_micros: int | None
    today_usd_micros: int
    #: The store that knows of claims which the ledger forgot; empty if none does.
    older: str = ""
    #: Unix seconds when that was found.
    older_at_s: float = 0.0


class Verdict(IntEnum):
    """Whom a rejection concerns."""

    JOB = 0  #: its job alone, which waits behind the others if it is sent again
    ACCOUNT = 1  #: the account, which cools down
    FINAL = 2  #: its job alone, which is refused for good


class Permits(Part):
    """Who may start, by account."""

    def set_limits(
        self,
        account_id: str,
        limits: Limits,
        daily_budget_usd_micros: int | None = None,
    ) -> None:
        """Write down what the account may do; the latest word counts for all."""
        budget = "" if daily_budget_usd_micros is None else daily_budget_usd_micros
        self._server.sadd(keys.ACCOUNTS, account_id)
        self._server.hset(
            keys.account(account_id),
            mapping={
                "videos_per_minute": limits.videos_per_minute,
                "concurrent_videos": limits.concurrent_videos,
                "daily_budget": budget,
            },
        )

    def keep_limits(
        self,
        account_id: str,
        limits: Limits,
        daily_budget_usd_micros: int | None = None,
    ) -> None:
        """Like `set_limits`, but what is written down already is only ever lowered.

        For who joins others: nobody raises a limit or lifts a budget behind their back.
        """
        known = self.read(account_id)
        budgets = (daily_budget_usd_micros, known.daily_budget_usd_micros)
        caps = [budget for budget in budgets if budget is not None]
        if known.limits is not None:
            limits = Limits(
                min(limits.videos_per_minute, known.limits.videos_per_minute),
                min(limits.concurrent_videos, known.limits.concurrent_videos),
            )
        self.set_limits(account_id, limits, min(caps, default=None))

    def grant(self, account_id: str, most: int, lease_s: float) -> list[Ref]:
        """Admit up to `most` waiting jobs, as limits, budgets and fairness allow."""
        refs = self._run("grant", account_id, most, lease_s)
        return [Ref.parse(ref) for ref in refs]

    def reject(self, account_id: str, rejection: Rejection) -> Verdict:
        """A request was rejected, or its answer was lost: what follows from it."""
        verdict = self._run(
            "reject",
            account_id,
            rejection.ref,
            rejection.fencing_token,
            rejection.cause,
            rejection.cooldown_s,
            rejection.reason,
            rejection.consecutive_before,
        )
        return Verdict(int(verdict))

    def spent(self, account_id: str, by_day: Mapping[str, int]) -> None:
        """Count money of the past, in micro-dollars, by the field of its day."""
        for field, usd_micros in by_day.items():
            key = keys.account(account_id)
            self._server.execute_command("HINCRBY", key, field, usd_micros)

    def recover(self, account_id: str) -> None:
        """The account was found in order: let it start again at once."""
        self._scripts.run("recover", account_id)

    def pause(self, account_id: str) -> None:
        """Start nothing more on the account until it is resumed."""
        self._server.hset(keys.account(account_id), mapping={"paused": 1})

    def resume(self, account_id: str) -> None:
        """Let the account start again at once, whatever it was told before."""
        self._server.hdel(keys.account(account_id), "paused")
        self.recover(account_id)

    def read(self, account_id: str) -> AccountRecord:
        """How the account stands."""
        raw = self._server.hgetall(keys.account(account_id))
        now_s = self.now_s()
        slots_in_use = self._server.zcard(keys.account(account_id, "slots"))
        return account_record(account_id, raw, slots_in_use, now_s)

    def lost(self, account_id: str) -> list[Ref]:
        """Jobs whose answer is lost, those of a person included."""
        refs = self._server.smembers(keys.account(account_id, "lost"))
        return [Ref.parse(ref) for ref in sorted(refs)]

    def holders(self, account_id: str) -> list[Ref]:
        """Jobs that hold a slot."""
        refs = self._server.zrange(keys.account(account_id, "slots"), 0, -1)
        return [Ref.parse(ref) for ref in refs]


def account_record(
    account_id: str, raw: Mapping[str, str], slots_in_use: int, now_s: float
) -> AccountRecord:
    """An account from its fields as the server holds them, at a unix second."""
    adaptive = raw.get("adaptive_concurrency")
    budget = raw.get("daily_budget")
    limits = None
    if "videos_per_minute" in raw:
        limits = Limits(
            videos_per_minute=int(raw["videos_per_minute"]),
            concurrent_videos=int(raw["concurrent_videos"]),
        )
    return AccountRecord(
        id=account_id,
        limits=limits,
        slots_in_use=slots_in_use,
        cooling_until_s=float(raw.get("cooling_until", "0")),
        consecutive_rejections=int(raw.get("consecutive_rejections", "0")),
        trouble=raw.get("trouble", ""),
        reason=raw.get("reason", ""),
        paused=raw.get("paused") == "1" or "older" in raw,
        refusals=int(raw.get("refusals", "0")),
        adaptive_concurrency=int(float(adaptive)) if adaptive else None,
        daily_budget_usd_micros=int(budget) if budget else None,
        today_usd_micros=int(raw.get(f"day:{int(now_s // DAY_S)}", "0")),
        older=raw.get("older", ""),
        older_at_s=float(raw.get("older_at", "0")),
    )
