"""The workers: who is at work for this ledger, by their own word.

Each says every few seconds that it lives, by the server's clock, so that machines with
wrong clocks are told apart from dead ones. Nothing is decided by it: what a dead worker
had in hand comes back by its leases, whether anybody noticed or not.
"""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from jobs.ledger import keys
from jobs.ledger.server import Part

#: Seconds between two heartbeats, and after the last one until a worker counts as dead.
HEARTBEAT_EVERY_S = 5.0
SILENT_S = 20.0

#: Seconds that a model which a worker did not know is told of: a row comes back every
#: half minute.
LACKED_S = 120.0

#: Seconds that a dead worker is remembered.
KEPT_S = 86_400.0


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """What a worker says of itself."""

    #: Unique among those that live.
    name: str
    host: str = ""
    pid: int = 0
    #: Version of reelmill.
    version: str = ""
    #: Whose jobs it looks after.
    account: str = ""
    #: Unix seconds by the ledger's clock.
    started_at_s: float = 0.0
    threads: int = 0
    #: Whether it starts videos, or only ends what was started.
    starts: bool = True
    #: True from the moment it was told to stop.
    stopping: bool = False
    #: How far the ledger's clock is ahead of its machine's.
    ahead_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker, and when it was heard of last."""

    facts: WorkerFacts
    #: Seconds since its last heartbeat.
    silent_s: float

    @property
    def lives(self) -> bool:
        """Whether it was heard of lately."""
        return self.silent_s < SILENT_S


class Workers(Part):
    """The workers of a ledger."""

    def heartbeat(self, facts: WorkerFacts) -> None:
        """Say that a worker lives."""
        told = json.dumps(asdict(facts), separators=(",", ":"))
        self._run("beat", facts.name, told, KEPT_S)

    def leave(self, name: str) -> None:
        """A worker ended as it should; it is no longer known."""
        for command, key in (("ZREM", keys.WORKERS), ("HDEL", keys.WORKER_FACTS)):
            self._server.execute_command(command, key, name)

    def known(self) -> list[Worker]:
        """All that were heard of in the last day, the longest silent first."""
        flat = self._run("workers")
        return [
            Worker(_facts(name, json.loads(facts)), float(silent_s))
            for name, facts, silent_s in zip(*[iter(flat)] * 3, strict=True)
        ]

    def lack(self, account_id: str, model: str) -> None:
        """Say that a worker was sent for a row whose model it does not know."""
        now_s = self.now_s()
        self._server.hset(
            keys.account(account_id, "lacked"), mapping={model: repr(now_s)}
        )

    def lacked(self, account_id: str) -> list[str]:
        """The models that workers lately did not know."""
        now_s = self.now_s()
        found = self._server.hgetall(keys.account(account_id, "lacked"))
        lately = now_s - LACKED_S
        return sorted(model for model, at_s in found.items() if float(at_s) > lately)

    def alive(self) -> list[Worker]:
        """Those that live."""
        return [worker for worker in self.known() if worker.lives]


def _facts(name: str, told: dict[str, Any]) -> WorkerFacts:
    # A worker of another version may say more, or less.
    known = {field.name for field in fields(WorkerFacts)}
    said = {word: value for word, value in told.items() if word in known}
    return WorkerFacts(**{**said, "name": name})
