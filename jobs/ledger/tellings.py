"""Tellings: what people are still to be told, kept until it is delivered.

A due list of its own, leased like the due-set, so that a telling survives whoever was
about to deliver it. What a telling says is decided in `jobs.batch.telling`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from jobs.batch.telling import GIVEN_UP_S, Telling, about_batch
from jobs.ledger.scripts import Scripts
from jobs.records import BatchRecord


@dataclass(frozen=True, slots=True)
class Untold:
    """A telling on its way."""

    telling: Telling
    #: Tries so far that did not reach everybody.
    tries: int = 0
    #: Ways on which it is told already, such as `web` or `mail`.
    told: tuple[str, ...] = ()
    #: Unix seconds of the first try; None before it.
    since_s: float | None = None


class Tellings:
    """What is still to be told, by account."""

    def __init__(self, scripts: Scripts, now: Callable[[], str]) -> None:
        self._scripts = scripts
        self._now = now

    def add(self, telling: Telling) -> bool:
        """Have something told at once; False if it is told already, or waits."""
        args = (telling.account, telling.id, _as_json(Untold(telling)), GIVEN_UP_S)
        return bool(self._scripts.run("tell", self._now(), *args))

    def add_batch(self, batch: BatchRecord | None, report_url: str = "") -> bool:
        """Have it told that a batch came to rest; False if there is nothing to tell."""
        telling = about_batch(batch, report_url) if batch else None
        return telling is not None and self.add(telling)

    def lease(self, account_id: str, most: int, lease_s: float) -> list[Untold]:
        """Take up to `most` that are to be told now; they come back after the lease."""
        flat = self._scripts.run("untold", self._now(), account_id, most, lease_s)
        return [_from_json(text) for text in flat[1::2]]

    def tell_again(self, untold: Untold, wait_s: float) -> None:
        """It did not reach everybody: it is tried again after so many seconds."""
        self._told(untold.telling, _as_json(untold), wait_s)

    def done(self, telling: Telling) -> None:
        """It is told, or given up."""
        self._told(telling, "", 0.0)

    def _told(self, telling: Telling, text: str, wait_s: float) -> None:
        where = (telling.account, telling.id)
        self._scripts.run("told", self._now(), *where, text, wait_s)


def _as_json(untold: Untold) -> str:
    fields = (untold.telling.to_json(), untold.tries, untold.told, untold.since_s)
    return json.dumps(fields, ensure_ascii=False)


def _from_json(text: str) -> Untold:
    telling, tries, told, since_s = json.loads(text)
    return Untold(Telling.from_json(telling), tries, tuple(told), since_s)
