"""The stream of events: what happens to batches, one JSON object a line, for a program.

Every line has `event` and `at`. A reader needs no memory: whatever tells of a batch has
all of it. The fields stand in docs/watching.md; new ones may come, none goes away.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobs.ledger.snapshots import BatchSnapshot, Failed
from jobs.money import usd
from jobs.report.next_steps import next_step
from jobs.text import iso, json_text
from producer.watching.eta import Pace, estimate
from producer.watching.status import account_step, document


def whole(now: BatchSnapshot, pace: Pace) -> dict[str, Any]:
    """How a batch stands and what is expected of it."""
    expected, account = estimate(now, pace), now.account
    limits, left_s = account.limits, expected.left_s
    cooling = account.cooling_until_s > now.now_s
    return document(now) | {
        "projected_usd": usd(expected.projected_usd_micros),
        "projected_net_usd": usd(expected.projected_net_usd_micros),
        "done_by": None if left_s is None else iso(now.now_s + left_s),
        "stored_per_minute": pace.per_minute and round(pace.per_minute, 1),
        "workers": now.workers,
        "starts": {
            "last_minute": now.starts,
            "videos_per_minute": limits and limits.videos_per_minute,
            "slots_in_use": account.slots_in_use,
            "concurrent_videos": limits and limits.concurrent_videos,
        },
        "account_state": {
            "paused": account.paused,
            "trouble": account.trouble or None,
            "cooling_until": iso(account.cooling_until_s) if cooling else None,
            "reason": account.reason or None,
            "next_step": account_step(now) or None,
        },
    }


def failure(batch_id: str, failed: Failed) -> dict[str, Any]:
    """A failure, with what a person can do about it."""
    why = failed.failure
    code = why.code if why else ""
    return {
        "batch": batch_id,
        "id": failed.id,
        "state": str(failed.state),
        "code": code or None,
        "message": why.message if why else None,
        "next_step": next_step(batch_id, failed.id, failed.state, code),
    }


class Events:
    """A line of JSON for all that happens."""

    def __init__(
        self, write: Callable[[str], object], clock: Callable[[], float]
    ) -> None:
        """Tell it line by line.

        Args:
            write: takes each line, and lets it be seen at once.
            clock: unix seconds, for what happens while the ledger is away.
        """
        self._write = write
        self._clock = clock
        self._is_away = False
        self._news: dict[str, object] = {}
        self._failures: dict[str, Sequence[Failed]] = {}

    def show(self, nows: Sequence[BatchSnapshot], paces: Mapping[str, Pace]) -> None:
        """Tell what has changed since."""
        if self._is_away:
            self._tell("back", self._clock(), {})
        self._is_away = False
        for now in nows:
            name = now.batch.id
            first = name not in self._news
            if first or now.news != self._news[name]:
                told = whole(now, paces[name])
                self._tell("snapshot" if first else "change", now.now_s, told)
            self._news[name] = now.news
            # Older ones that a retry of newer ones brings into sight were told before.
            known = self._failures.get(name, ())
            first_known = next(
                (n for n, failed in enumerate(now.failures) if failed in known), None
            )
            for failed in reversed(now.failures[:first_known]):
                self._tell("failure", now.now_s, failure(name, failed))
            self._failures[name] = now.failures

    def over(self, now: BatchSnapshot, pace: Pace, code: int) -> None:
        """Tell that the watching of a batch has ended, with its exit code."""
        self._tell("over", now.now_s, {**whole(now, pace), "exit_code": code})

    def away(self, why: str, _since_s: float) -> None:
        """Tell that the ledger does not answer."""
        self._is_away = True
        self._tell("away", self._clock(), {"reason": why})

    def close(self) -> None:
        """Nothing to take away."""

    def _tell(self, event: str, at_s: float, told: Mapping[str, Any]) -> None:
        self._write(json_text({"event": event, "at": iso(at_s), **told}))
