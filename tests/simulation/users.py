"""What users do during a run: read, think, and move jobs in the ledger."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from random import Random

from jobs import transitions
from jobs.ledger import Ledger
from jobs.records import JobRecord
from jobs.states import TRANSITIONS, Event, State
from jobs.transitions import Ref, Transition
from tests.simulation.provider import StandIn
from worker.engine import log_transitions

CANCELLABLE = frozenset(at for at, event in TRANSITIONS if event is Event.CANCEL)
ABANDONABLE = frozenset(at for at, event in TRANSITIONS if event is Event.ABANDON)

OVER = frozenset({State.FAILED, State.CANCELLED})

#: What is done to a job of a batch.
Move = Callable[[str, JobRecord], Transition]


class Users:
    """All users of a run."""

    def __init__(
        self,
        random: Random,
        ledger: Ledger,
        stand_in: StandIn,
        records: Callable[[], Mapping[Ref, JobRecord]],
        note: Callable[[str], None],
    ) -> None:
        """Let them use a ledger.

        Args:
            random: of theirs alone.
            ledger: as commands reach it.
            stand_in: where they look up whose a prediction is.
            records: reads all jobs.
            note: is told of what they do.
        """
        self._random, self._ledger, self._stand_in = random, ledger, stand_in
        self._records, self._note = records, note
        self._did = {
            "pauses": self._pause,
            "resumes": self._resume,
            "cancels": self._cancel,
            "cancels a row": self._cancel_row,
            "abandons a row": self._abandon_row,
            "retries": self._retry,
            "raises the budget": self._raise_budget,
            "resolves": self._resolve,
        }

    async def act(self, batch: str) -> str:
        """Do one thing with a batch; its name."""
        name = self._random.choice(list(self._did))
        self._note(f"a user {name} {batch}")
        await self._did[name](batch)
        return name

    async def finish(self, batch: str) -> None:
        """Let a batch go on that somebody holds, and decide what is to be decided."""
        await self._resume(batch)
        await self._resolve(batch)

    async def _pause(self, batch: str) -> None:
        self._ledger.batches.pause(batch)

    async def _resume(self, batch: str) -> None:
        self._ledger.batches.resume(batch)

    async def _cancel(self, batch: str) -> None:
        self._ledger.batches.cancel(batch)
        for _ in range(3):
            await self._move(batch, CANCELLABLE, transitions.cancel)

    async def _cancel_row(self, batch: str) -> None:
        await self._move(batch, CANCELLABLE, transitions.cancel, one=True)

    async def _abandon_row(self, batch: str) -> None:
        def give_up(batch: str, record: JobRecord) -> Transition:
            return transitions.abandon(batch, record, self._ledger.now_s())

        await self._move(batch, ABANDONABLE, give_up, one=True)

    async def _retry(self, batch: str) -> None:
        self._ledger.batches.take_up(batch)
        await self._move(batch, OVER, transitions.retry)

    async def _raise_budget(self, batch: str) -> None:
        found = self._ledger.batches.read(batch)
        if found and found.budget_usd_micros is not None:
            more = found.budget_usd_micros * 3 // 2
            self._ledger.batches.set_budget(batch, more)

    async def _resolve(self, batch: str) -> None:
        """Say of each unresolved row what the provider's site shows."""
        await self._move(batch, {State.UNRESOLVED}, self._resolved)

    def _resolved(self, batch: str, record: JobRecord) -> Transition:
        own = [
            p.id
            for p in self._stand_in.ours()
            if p.inputs["prompt"] == record.job.inputs["prompt"]
            and p.model == record.job.model
            and not p.is_refunded
        ]
        owned = self._ledger.transitions.known(self._stand_in.account_id, own)
        free = [each for each in own if each not in owned]
        if free:
            return transitions.accept(batch, record, free[0], 0.0)
        return transitions.mark_absent(batch, record, self._ledger.now_s())

    async def _move(
        self, batch: str, states: Collection[State], move: Move, *, one: bool = False
    ) -> None:
        """Move all jobs of the batch that are in these states, or one of them."""
        found = [
            record
            for ref, record in self._records().items()
            if ref.batch == batch and record.state in states
        ]
        if one and found:
            found = [self._random.choice(found)]
        moves = [move(batch, record) for record in found]
        await asyncio.sleep(self._random.uniform(0, 2))
        log_transitions(moves, self._ledger.transitions.apply(moves) if moves else [])
