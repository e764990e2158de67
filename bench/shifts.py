"""A fleet that is played over a real ledger: pulses, tasks and their deaths, by ticks.

Every tick does what the pulses and tasks of a second do, with the product's own steps
and decisions and as few round trips. Only the waiting is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bench.driving import Records, loaded, moved, stored
from bench.played import Provider
from jobs import moves
from jobs.answers import SubmitAnswer
from jobs.attempt import failures
from jobs.attempt.rejections import rejection
from jobs.ledger import Ledger
from jobs.ledger.archiving import archive
from jobs.ledger.moves import Moved
from jobs.moves import Move, Ref
from jobs.pace import waits
from jobs.pace.poll_schedule import PollSchedule
from jobs.records import JobRecord
from jobs.states import State
from jobs.storage import Store

#: Seconds between two ticks; in each is done what the four pulses of two workers do.
TICK_S = 1.0

#: The product's defaults.
LEASE_S = 30.0
SETTLE_S = 180.0
ATTEMPTS = 3

#: Most that is leased and granted in one tick.
ROOM = 4_000
MOST_GRANTS = 400

#: One of two workers dies; the other has so much of the work in hand.
SURVIVE = 0.5

#: Moves of one round trip.
BLOCK = 500


@dataclass(slots=True)
class FleetDay:
    """A fleet over a day."""

    ledger: Ledger
    account: str
    provider: Provider
    schedule: PollSchedule
    luck: Random
    store: Path
    now_s: float
    #: What is known of jobs under way, so that nothing is read twice.
    _known: dict[Ref, JobRecord] = field(default_factory=dict)
    #: Answers that are on their way, by the tick they come in.
    _answers: dict[int, list[tuple[Ref, SubmitAnswer]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    #: Rejections in a row when a request went out.
    _consecutive: dict[Ref, int] = field(default_factory=dict)
    #: Videos that are being fetched.
    _fetching: list[Ref] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def tick(self) -> None:
        """Do what is to be done in this second."""
        self._take_answers(self._answers.pop(int(self.now_s), []))
        fetching, self._fetching = self._fetching, []
        self._collect(fetching)
        leased = self.ledger.due.lease(self.account, ROOM, LEASE_S)
        if self.luck.random() < self.provider.odds.death * TICK_S:
            leased = self._die(leased)
        granted = self.ledger.permits.grant(self.account, MOST_GRANTS, LEASE_S)
        self._submit(granted, fresh=True)
        by_state: dict[State | None, list[Ref]] = defaultdict(list)
        for ref, state in leased:
            by_state[state].append(ref)
        self._submit(by_state[State.ADMITTED], fresh=False)
        self._lose(by_state[State.SUBMITTING])
        self._settle(by_state[State.UNKNOWN])
        self._poll(by_state[State.GENERATING])
        self._collect(by_state[State.GENERATED])
        for ref in by_state[None]:
            self._finish(ref.batch)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way to us."""
        return not (self._answers or self._fetching)

    def _die(
        self, leased: Sequence[tuple[Ref, State | None]]
    ) -> list[tuple[Ref, State | None]]:
        """One of two workers dies with all that it has in its hands."""
        self.counts["deaths"] += 1
        for tick, answers in self._answers.items():
            self._answers[tick] = [a for a in answers if self._survives()]
        self._fetching = [r for r in self._fetching if self._survives()]
        return [pair for pair in leased if self._survives()]

    def _survives(self) -> bool:
        return self.luck.random() < SURVIVE

    def _records(self, refs: Iterable[Ref]) -> dict[Ref, JobRecord]:
        found = {ref: self._known.get(ref) for ref in refs}
        absent = [ref for ref, record in found.items() if record is None]
        return {r: rec for r, rec in found.items() if rec} | self._load(absent)

    def _load(self, refs: Sequence[Ref]) -> dict[Ref, JobRecord]:
        found: dict[Ref, JobRecord] = {}
        for start in range(0, len(refs), BLOCK):
            found |= loaded(self.ledger, refs[start : start + BLOCK])
        self._known |= found
        return found

    def _make(self, records: Records, made: dict[Ref, Move]) -> dict[Ref, JobRecord]:
        """Make moves; the records of those that were made."""
        refs, after = list(made), {}
        for start in range(0, len(refs), BLOCK):
            block = refs[start : start + BLOCK]
            answers = self.ledger.moves.make([made[ref] for ref in block])
            for ref, answer in zip(block, answers, strict=True):
                if answer is Moved.YES:
                    after[ref] = self._known[ref] = moved(
                        records[ref], made[ref], self.now_s
                    )
                else:
                    self.counts["moves_refused"] += 1
                    self._known.pop(ref, None)
        return after

    def _submit(self, refs: Sequence[Ref], *, fresh: bool) -> None:
        records = self._load(refs) if fresh else self._records(refs)
        claims = {
            ref: moves.claim(ref.batch, record, LEASE_S)
            for ref, record in records.items()
        }
        account = self.ledger.permits.read(self.account)
        for ref, record in self._make(records, claims).items():
            self._consecutive[ref] = account.consecutive_rejections
            at_s, answer = self.provider.submit(ref, record.permit, self.now_s)
            self._answers[int(at_s) + 1].append((ref, answer))

    def _take_answers(self, answers: Sequence[tuple[Ref, SubmitAnswer]]) -> None:
        records = self._records(ref for ref, _ in answers)
        made = {
            ref: failures.after_submit(
                ref.batch,
                records[ref],
                answer,
                now_s=self.now_s,
                first_look_s=self.schedule.first_s(self.luck.random()),
                settle_look_s=5.0,
            )
            for ref, answer in answers
            if records[ref].state is State.SUBMITTING
        }
        for ref, answer in answers:
            self.counts[type(answer).__name__.lower()] += 1
            self._tell_account(ref, records[ref], answer)
        self._make(records, made)

    def _tell_account(self, ref: Ref, record: JobRecord, answer: SubmitAnswer) -> None:
        told = rejection(
            ref, record.permit, answer, self._consecutive[ref], self.luck.random()
        )
        if told:
            self.ledger.permits.reject(self.account, told)

    def _lose(self, refs: Sequence[Ref]) -> None:
        records = self._records(refs)
        self._make(
            records,
            {
                ref: moves.lose(ref.batch, record, "its worker died", LEASE_S)
                for ref, record in records.items()
            },
        )

    def _settle(self, refs: Sequence[Ref]) -> None:
        """The history tells what there is, and after a while that there is nothing."""
        records, made, waits_s = (
            self._records(refs),
            dict[Ref, Move](),
            dict[Ref, float](),
        )
        for ref, record in records.items():
            own = self.provider.created(ref, record.permit)
            unknown_s = self.now_s - record.attempt.sent_at_s
            if own:
                made[ref] = moves.accept(ref.batch, record, own, 0.0)
                self.counts["adopted"] += 1
            elif unknown_s > SETTLE_S:
                made[ref] = moves.absent(ref.batch, record, self.now_s)
                self.counts["absent"] += 1
            else:
                waits_s[ref] = waits.settle_again_s(unknown_s, SETTLE_S)
        self._make(records, made)
        self.ledger.due.postpone(self.account, waits_s)

    def _poll(self, refs: Sequence[Ref]) -> None:
        records, made, waits_s = (
            self._records(refs),
            dict[Ref, Move](),
            dict[Ref, float](),
        )
        for ref, record in records.items():
            answer = self.provider.look(record.prediction_id or "", self.now_s)
            move = failures.after_look(
                ref.batch,
                record,
                answer,
                now_s=self.now_s,
                lease_s=LEASE_S,
                poll_min_s=self.schedule.poll_min_s,
                attempts=ATTEMPTS,
            )
            if move:
                made[ref] = move
            else:
                waits_s[ref] = self.schedule.next_s(
                    self.now_s - record.attempt.sent_at_s
                )
        self.counts["looks"] += len(records)
        self.ledger.due.postpone(self.account, waits_s)
        for ref, record in self._make(records, made).items():
            if record.state is State.GENERATED:
                self._fetching.append(ref)
            else:
                self.provider.settle(records[ref].prediction_id or "")
                del self._known[ref]

    def _collect(self, refs: Sequence[Ref]) -> None:
        records = self._records(refs)
        done = self._make(records, {r: stored(r, rec) for r, rec in records.items()})
        for ref, record in done.items():
            self.provider.settle(record.prediction_id or "")
            del self._known[ref]
        self.counts["stored"] += len(done)

    def _finish(self, batch: str) -> None:
        """Report a batch, and archive it at once so that memory stays as it is."""
        due = self.ledger.due
        due.drop_batch(self.account, batch, due.report_version(batch))
        archive(self.ledger, Store(str(self.store)), batch)
        self.counts["batches"] += 1
