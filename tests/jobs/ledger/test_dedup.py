"""Jobs that ask for the same share one video, which is paid for once."""

from dataclasses import replace
from itertools import chain
from random import Random

import pytest

from jobs import transitions
from jobs.attempt.fingerprint import Fingerprint, FingerprintedJob
from jobs.ledger import JobsDeletedError, Ledger
from jobs.ledger.transitions import Applied
from jobs.records import JobRecord
from jobs.states import FINAL, TRANSITIONS, Event, State
from jobs.transitions import Ref
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.ended import reported
from tests.jobs.ledger.play import (
    ACCOUNT,
    OWN_STEPS,
    PLENTY,
    POSTER,
    PRICE,
    a_batch,
    a_job,
    batch_of,
    grant,
    leased,
    move_by,
    play,
    record_of,
)

MADE = (Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE)
A_WHILE_S = 121.0


def ask(
    ledger: Ledger, batch_id: str, *asks: Fingerprint | str, fresh: bool = False
) -> None:
    """A batch whose jobs ask for these, handed over as a manifest is."""
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    hand_over(ledger, batch_id, *asks, fresh=fresh)
    ledger.batches.open(batch_id)


def hand_over(
    ledger: Ledger,
    batch_id: str,
    *asks: Fingerprint | str,
    fresh: bool = False,
    price: int | None = PRICE,
) -> None:
    account = "other" if batch_id.startswith("other") else ACCOUNT
    ledger.batches.create(a_batch(batch_id, account=account, fresh=fresh))
    asked = [
        FingerprintedJob(
            a_job(i, price), a if isinstance(a, Fingerprint) else Fingerprint("", a)
        )
        for i, a in enumerate(asks, 1)
    ]
    ledger.batches.add(batch_id, asked)


def follow(ledger: Ledger) -> list[Ref]:
    """What a pulse does for jobs that follow."""
    refs = leased(ledger)
    ledger.dedup.follow(ACCOUNT, refs)
    return [ref for ref in refs if ref.job]


def states(ledger: Ledger, batch_id: str) -> list[str]:
    return [record.state.value for record in ledger.batches.jobs(batch_id)]


def test_what_was_stored_before_is_reused_and_costs_nothing(ledger: Ledger) -> None:
    ask(ledger, "monday", "mug", "lamp")
    for ref in grant(ledger):
        play(ledger, ref, *MADE, prediction_id=str(ref))
    ask(ledger, "tuesday", "mug", "lamp", "chair")
    assert states(ledger, "tuesday") == ["reused", "reused", "waiting"]
    again = record_of(ledger, Ref("tuesday", "row-1"))
    first = record_of(ledger, Ref("monday", "row-1"))
    assert (again.video, again.video_sha256) == (first.video, first.video_sha256)
    assert again.poster == first.poster == POSTER
    assert again.source_job == "monday/row-1"
    assert batch_of(ledger, "tuesday").estimated_usd_micros == PRICE
    assert grant(ledger) == [Ref("tuesday", "row-3")]
    assert audit(ledger, ACCOUNT) == []


def test_what_is_being_made_is_followed_and_not_paid_again(ledger: Ledger) -> None:
    ask(ledger, "monday", "mug")
    (source_job,) = grant(ledger)
    play(ledger, source_job, Event.CLAIM, Event.LOSE)
    ask(ledger, "tuesday", "mug")
    assert states(ledger, "tuesday") == ["following"]
    assert grant(ledger) == []
    play(ledger, source_job, Event.ADOPT, Event.COMPLETE, Event.STORE)
    assert Ref("tuesday", "row-1") in follow(ledger)
    assert states(ledger, "tuesday") == ["reused"]
    assert audit(ledger, ACCOUNT) == []


def test_a_batch_that_nobody_goes_on_with_hands_its_rows_over(ledger: Ledger) -> None:
    ask(ledger, "monday", "mug", "lamp")
    hand_over(ledger, "tuesday")
    ledger.batches.put_aside_others(ACCOUNT, "tuesday")
    ask(ledger, "tuesday", "mug")
    assert states(ledger, "tuesday") == ["waiting"]
    assert states(ledger, "monday") == ["following", "waiting"]
    assert grant(ledger) == [Ref("tuesday", "row-1")]
    # Chosen again, it follows what is under way and makes the rest.
    ledger.batches.put_aside_others(ACCOUNT, "monday")
    ask(ledger, "monday", "mug", "lamp")
    assert states(ledger, "monday") == ["following", "waiting"]
    assert grant(ledger) == [Ref("monday", "row-2")]
    assert audit(ledger, ACCOUNT) == []


def test_whoever_follows_a_batch_that_its_budget_stops_goes_on_alone(
    simulated: Ledger, clock: Clock
) -> None:
    ask(simulated, "monday", "mug")
    ask(simulated, "tuesday", "mug")
    simulated.batches.set_budget("monday", 0)
    assert grant(simulated) == []
    clock.forward(A_WHILE_S)
    # The batch itself is due as well: it rests, and is reported as it stands.
    assert Ref("tuesday", "row-1") in follow(simulated)
    assert states(simulated, "monday") == ["following"]
    assert grant(simulated) == [Ref("tuesday", "row-1")]
    assert audit(simulated, ACCOUNT) == []


def test_half_a_batch_holds_nobody_up(simulated: Ledger, clock: Clock) -> None:
    ask(simulated, "monday", "mug")
    simulated.batches.put_aside_others(ACCOUNT, "tuesday")
    hand_over(simulated, "tuesday", "mug")  # and its command dies here
    assert states(simulated, "monday") == ["following"]
    simulated.batches.put_aside_others(ACCOUNT, "monday")
    clock.forward(A_WHILE_S)
    follow(simulated)
    assert grant(simulated) == [Ref("monday", "row-1")]
    assert audit(simulated, ACCOUNT) == []


def test_another_accounts_work_is_not_waited_for_but_its_videos_serve(
    ledger: Ledger,
) -> None:
    ask(ledger, "other-monday", "mug", "lamp")
    ledger.permits.set_limits("other", PLENTY)
    lamp, _ = ledger.permits.grant("other", 10, 30.0)
    play(ledger, lamp, *MADE)
    ask(ledger, "tuesday", "mug", "lamp")
    assert states(ledger, "tuesday") == ["reused", "waiting"]


def test_contents_tell_apart_what_is_written_the_same(ledger: Ledger) -> None:
    ask(ledger, "monday", Fingerprint("old", "mug"), Fingerprint("", "lamp"))
    for ref in grant(ledger):
        play(ledger, ref, *MADE, prediction_id=str(ref))
    # A new picture behind the same address; the same behind a new one; not looked at.
    ask(ledger, "tuesday", Fingerprint("", "mug"), Fingerprint("any", "lamp"))
    assert states(ledger, "tuesday") == ["reused", "reused"]
    ask(ledger, "friday", Fingerprint("new", "mug"), Fingerprint("old", "mug?signed=2"))
    assert states(ledger, "friday") == ["waiting", "reused"]


def test_rows_of_one_batch_never_share(ledger: Ledger) -> None:
    ask(
        ledger,
        "monday",
        Fingerprint("same", "mug"),
        Fingerprint("same", "cup"),
        Fingerprint("", "cup"),
    )
    assert states(ledger, "monday") == ["waiting"] * 3


def test_fresh_shares_nothing_and_serves_those_that_come_after(ledger: Ledger) -> None:
    ask(ledger, "monday", "mug")
    (first,) = grant(ledger)
    play(ledger, first, *MADE)
    ask(ledger, "tuesday", "mug", fresh=True)
    (ref,) = grant(ledger)
    play(ledger, ref, *MADE, prediction_id="p2")
    ask(ledger, "friday", "mug")
    assert record_of(ledger, Ref("friday", "row-1")).source_job == "tuesday/row-1"


def test_a_video_that_is_gone_is_made_again(ledger: Ledger) -> None:
    ask(ledger, "monday", "mug")
    (source_job,) = grant(ledger)
    play(ledger, source_job, *MADE)
    asked = FingerprintedJob(a_job(1), Fingerprint("", "mug"))
    hand_over(ledger, "tuesday")
    (prospect,) = ledger.dedup.preview(a_batch("tuesday"), [asked])
    assert (prospect.state, prospect.source_job) == (State.REUSED, source_job)
    assert (prospect.video, prospect.video_bytes) == ("row-1.mp4", 1_000)
    ledger.dedup.forget("videos", asked, source_job)
    (prospect,) = ledger.dedup.preview(a_batch("tuesday"), [asked])
    assert prospect.state is State.WAITING
    ask(ledger, "tuesday", "mug")
    assert states(ledger, "tuesday") == ["waiting"]


@pytest.mark.parametrize(("alone", "state"), [(False, "following"), (True, "waiting")])
def test_what_waits_elsewhere_is_told_as_it_will_be(
    ledger: Ledger, *, alone: bool, state: str
) -> None:
    ask(ledger, "monday", "mug")
    asked = [FingerprintedJob(a_job(1), Fingerprint("", "mug"))]
    (prospect,) = ledger.dedup.preview(a_batch("tuesday"), asked, alone=alone)
    assert prospect.state == state


def test_a_waiting_job_gets_the_newest_addresses(ledger: Ledger) -> None:
    ask(ledger, "monday", "mug", "lamp")
    sent, waits = Ref("monday", "row-1"), Ref("monday", "row-2")
    assert grant(ledger, 1) == [sent]
    new = {"image": "https://example.com/new.jpg"}
    newer = [
        FingerprintedJob(replace(a_job(n), inputs=new), Fingerprint("", name))
        for n, name in ((1, "mug"), (2, "lamp"))
    ]
    assert ledger.batches.add("monday", newer) == 0
    assert record_of(ledger, sent).job.image.endswith("mug.jpg")
    assert record_of(ledger, waits).job.image.endswith("new.jpg")


class Rivalry:
    """Batches that ask for overlapping things, and everything that may happen."""

    def __init__(self, ledger: Ledger, clock: Clock, seed: int) -> None:
        self.ledger, self.clock = ledger, clock
        #: Jobs of those that are deleted, some maybe only in part, as they were.
        self.deleted: dict[str, list[JobRecord]] = {}
        self.luck = Random(seed)
        self.batches: list[str] = []
        self.predictions = 0
        self.steps = [
            *[self.something_happens] * 10,
            *[self.permits_are_granted] * 4,
            *[self.those_due_look] * 4,
            self.a_batch_comes,
            self.a_batch_is_handed_over_again,
            self.a_batch_is_chosen,
            self.time_passes,
            self.a_batch_is_deleted,
        ]

    def records(self) -> list[tuple[str, JobRecord]]:
        return [
            (batch_id, record)
            for batch_id in self.batches
            for record in self.deleted.get(batch_id)
            or self.ledger.batches.jobs(batch_id)
        ]

    def a_batch_is_deleted(self, batch_id: str = "") -> None:
        """If all of it is over; now and then a worker stops half way."""
        if self.batches:
            batch_id = batch_id or self.luck.choice(self.batches)
            before = self.deleted.get(batch_id) or [
                record for other, record in self.records() if other == batch_id
            ]
            reported(self.ledger, batch_id)
            left: int | None = 1
            while left and self.luck.random() < 0.8:
                left = self.ledger.batches.delete_jobs(batch_id, 0.0, 86_400)
            if batch_of(self.ledger, batch_id).deleted_at_s:
                self.deleted[batch_id] = before

    def a_batch_comes(self) -> None:
        if len(self.batches) < 5:
            batch_id = f"night-{len(self.batches)}"
            self.batches.append(batch_id)
            self.a_batch_is_handed_over_again(batch_id)

    def a_batch_is_handed_over_again(self, batch_id: str = "") -> None:
        if self.batches:
            batch_id = batch_id or self.luck.choice(self.batches)
            if batch_id in self.deleted:
                with pytest.raises(JobsDeletedError):
                    hand_over(self.ledger, batch_id, "thing-0")
                return
            wanted = Random(batch_id).sample(range(6), 4)
            price = self.luck.choice([None, PRICE, PRICE, 2 * PRICE])
            things = [f"thing-{n}" for n in wanted]
            hand_over(self.ledger, batch_id, *things, price=price)
            if self.luck.random() < 0.8:
                self.ledger.batches.open(batch_id)

    def a_batch_is_chosen(self) -> None:
        if self.batches:
            chosen = self.luck.choice(self.batches)
            self.ledger.batches.put_aside_others(ACCOUNT, chosen)

    def permits_are_granted(self) -> None:
        grant(self.ledger, self.luck.randrange(3))

    def those_due_look(self) -> None:
        self.ledger.dedup.follow(ACCOUNT, leased(self.ledger, 3))

    def time_passes(self) -> None:
        self.clock.forward(self.luck.choice([1.0, A_WHILE_S]))

    def something_happens(self) -> None:
        able = [
            (batch_id, record, event)
            for batch_id, record in self.records()
            for at, event in TRANSITIONS
            if at is record.state and event not in OWN_STEPS
            if batch_id not in self.deleted
        ]
        if able:
            batch_id, record, event = self.luck.choice(able)
            self.predictions += 1
            prediction_id = f"p{self.predictions}"
            move = move_by(batch_id, record, event, prediction_id, self.clock())
            assert self.ledger.transitions.apply([move]) == [Applied.YES]

    def check(self) -> None:
        assert audit(self.ledger, ACCOUNT) == []
        stored: dict[str, int] = {}
        for batch_id, record in self.records():
            wanted = Random(batch_id).sample(range(6), 4)
            thing = wanted[int(record.job.id.removeprefix("row-")) - 1]
            key = f"thing-{thing}"
            stored[key] = stored.get(key, 0) + (record.state is State.STORED)
        # Each thing is made once, however many ask for it.
        assert all(count <= 1 for count in stored.values()), stored


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_nothing_is_made_twice(
    simulated: Ledger, clock: Clock, seed: int
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    simulated.batches.deleted_at_once = 2
    rivalry = Rivalry(simulated, clock, seed)
    for _ in range(150):
        rivalry.luck.choice(rivalry.steps)()
        rivalry.check()
    # In the end, with all of them handed over and each chosen in turn, all have it.
    for batch_id in chain(rivalry.batches, rivalry.batches):
        simulated.batches.put_aside_others(ACCOUNT, batch_id)
        rivalry.a_batch_is_handed_over_again(batch_id)
        simulated.batches.open(batch_id)
        for _ in range(40):
            clock.forward(A_WHILE_S)
            rivalry.those_due_look()
            rivalry.permits_are_granted()
            finish_all(rivalry)
        rivalry.a_batch_is_deleted(batch_id)
    rivalry.check()
    assert rivalry.deleted
    assert {r.state for _, r in rivalry.records()} <= FINAL


def finish_all(rivalry: Rivalry) -> None:
    """Everything that is sent is stored; everything lost was absent."""
    best = {
        State.ADMITTED: Event.CLAIM,
        State.SUBMITTING: Event.ACCEPT,
        State.UNKNOWN: Event.ABSENT,
        State.UNRESOLVED: Event.ABSENT,
        State.GENERATING: Event.COMPLETE,
        State.OVERDUE: Event.COMPLETE,
        State.GENERATED: Event.STORE,
        State.FAILED: Event.RETRY,
        State.CANCELLED: Event.RETRY,
    }
    for batch_id, record in rivalry.records():
        if record.state in best and batch_id not in rivalry.deleted:
            rivalry.predictions += 1
            prediction_id = f"p{rivalry.predictions}"
            event = best[record.state]
            move = move_by(batch_id, record, event, prediction_id, rivalry.clock())
            rivalry.ledger.transitions.apply([move])


def test_a_follower_that_may_have_been_sent_follows_again_once_it_was_not(
    ledger: Ledger,
) -> None:
    ask(ledger, "monday", "mug")
    (source_job,) = grant(ledger)
    play(ledger, source_job, Event.CLAIM, Event.ACCEPT)
    ask(ledger, "tuesday", "mug")
    follower = Ref("tuesday", "row-1")
    now = record_of(ledger, follower)
    play(ledger, follower, Event.DOUBT)
    assert states(ledger, "tuesday") == ["unknown"]
    assert audit(ledger, ACCOUNT) == []
    now = record_of(ledger, follower)
    ledger.transitions.apply([transitions.mark_absent("tuesday", now, ledger.now_s())])
    assert states(ledger, "tuesday") == ["following"]
    assert audit(ledger, ACCOUNT) == []
    play(ledger, source_job, Event.COMPLETE, Event.STORE)
    assert follower in follow(ledger)
    assert states(ledger, "tuesday") == ["reused"]
