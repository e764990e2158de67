"""Queues: what waits in the batches of an account, and of which kinds it is.

It is told from a few jobs of each batch, evenly spread, so that a queue of a hundred
thousand is as quickly looked at as one of ten. When all of it will be done is decided
elsewhere.
"""

from dataclasses import dataclass
from typing import Any

from jobs.ledger import keys
from jobs.ledger.scripts import Scripts
from jobs.ledger.server import Server

#: Jobs of a batch that are looked at.
LOOKED_AT = 100

#: Batches that are looked at in one round trip.
BLOCK = 200


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits in one batch."""

    batch: str
    #: Weight in the fair sharing of the account.
    priority: int
    #: Jobs without a permit.
    waiting: int
    #: True if a person or a budget keeps them from starting.
    held: bool
    #: Jobs of those looked at by model id and seconds of video.
    kinds: dict[tuple[str, int], int]


class Queues:
    """What waits, by account."""

    def __init__(self, server: Server, scripts: Scripts) -> None:
        self._server = server
        self._scripts = scripts

    def of(self, account_id: str) -> list[Queue]:
        """The batches of an account in which jobs wait."""
        ids = self._server.zrange(keys.open_batches(account_id), 0, -1)
        found = []
        for start in range(0, len(ids), BLOCK):
            block = ids[start : start + BLOCK]
            calls = [("queued", (batch_id, LOOKED_AT)) for batch_id in block]
            answers = self._scripts.run_all(calls)
            found += [_queue(i, told) for i, told in zip(block, answers, strict=True)]
        return [queue for queue in found if queue.waiting]


def _queue(batch_id: str, told: list[Any]) -> Queue:
    waiting, priority, held, *flat = told
    kinds = zip(*[iter(flat)] * 3, strict=True)
    return Queue(
        batch=batch_id,
        priority=int(priority),
        waiting=int(waiting),
        held=held == "1",
        kinds={(model, int(float(length))): int(n) for model, length, n in kinds},
    )
