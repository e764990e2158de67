"""Jobs of an older ledger are brought on, or into doubt, and its sums agree."""

from dataclasses import replace

import pytest

from jobs import transitions
from jobs.ledger import Ledger
from jobs.ledger.transitions import Applied
from jobs.pace.limits import Limits
from jobs.rebuilding.moves import PATHS, UNSENT, moves, spent_by_day
from jobs.records import Attempt, Doubt, Failure, JobRecord
from jobs.states import FINAL, Event, State
from jobs.transitions import Ref
from tests.audit import audit
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    PRICE,
    UNDER_WAY,
    a_job,
    batch_of,
    grant,
    open_batch,
    play,
    record_of,
)

SENT_S = 1_700_000_000.0
REFUSED = Failure("moderation", "no")
WHEN = Doubt(SENT_S, SENT_S + 60)
LINKS = {"mug.jpg": "https://example.com/u/1.jpg"}

#: What happens to a waiting job before it is in each state.
BEFORE = {
    State.WAITING: (),
    State.ADMITTED: (Event.GRANT,),
    State.FAILED: (Event.GRANT, Event.CLAIM, Event.REFUSE),
    State.CANCELLED: (Event.CANCEL,),
}


def told(state: State) -> JobRecord:
    """A job that came to a state in three attempts, the second of them given back."""
    record = JobRecord(a_job(1), state)
    if state is State.REUSED:
        return replace(record, video="b.mp4", video_sha256="cd", source_job="w/b")
    first = Attempt(1, SENT_S, "refused", PRICE)
    second = Attempt(2, SENT_S, "failed", PRICE, PRICE, PRICE, "p1", failure=REFUSED)
    if state in (State.CANCELLED, State.WAITING):
        return replace(record, attempts=(first, second))
    last = Attempt(3, SENT_S + 60, "generating", PRICE, PRICE, 0, "p2")
    record = replace(record, attempts=(first, second, last))
    if state is State.STORED:
        return replace(record, video="a.mp4", video_bytes=7, video_sha256="ab")
    return replace(record, failure=REFUSED) if state is State.FAILED else record


def now_in(ledger: Ledger, state: State) -> Ref:
    """A job in that state, alone in its ledger."""
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    (ref,) = open_batch(ledger, jobs=1)
    for event in BEFORE[state]:
        if event is Event.GRANT:
            assert grant(ledger) == [ref]
        else:
            play(ledger, ref, event)
    return ref


@pytest.mark.parametrize("now", BEFORE)
@pytest.mark.parametrize("state", [State.WAITING, *PATHS, *UNSENT])
def test_a_job_is_brought_on_or_into_doubt_in_one_step(
    ledger: Ledger, now: State, state: State
) -> None:
    ref, known = now_in(ledger, now), told(state)
    steps = moves("spring", record_of(ledger, ref), known, WHEN, LINKS)
    if not steps:
        over = now in (State.FAILED, State.CANCELLED)
        assert over or (now, state) == (State.ADMITTED, State.REUSED)
        return
    assert ledger.transitions.replay(steps)
    found = record_of(ledger, ref)
    assert found.state is (State.UNKNOWN if state is State.WAITING else state)
    assert found.charged_usd_micros == known.charged_usd_micros
    assert found.refunded_usd_micros == known.refunded_usd_micros
    assert (found.video, found.prediction_id) == (known.video, known.prediction_id)
    assert found.links == LINKS
    assert found.is_supposed == (state is State.WAITING)
    assert audit(ledger, ACCOUNT) == []
    assert not ledger.transitions.replay(steps)
    if state in FINAL:
        assert grant(ledger) == []
        assert batch_of(ledger).counts == {state: 1}


@pytest.mark.parametrize("now", BEFORE)
def test_what_may_have_been_sent_holds_its_money_until_it_is_absent(
    ledger: Ledger, now: State
) -> None:
    ref = now_in(ledger, now)
    before = record_of(ledger, ref)
    play(ledger, ref, Event.DOUBT)
    assert grant(ledger) == []
    assert batch_of(ledger).reserved_usd_micros == PRICE
    assert ledger.permits.read(ACCOUNT).today_usd_micros == PRICE
    absent = transitions.mark_absent("spring", record_of(ledger, ref), 0.0)
    assert ledger.transitions.apply([absent]) == [Applied.YES]
    found = record_of(ledger, ref)
    assert (found.state, found.doubt) == (State.WAITING, None)
    # It was never sent, so there is no attempt of it.
    assert found.attempts == before.attempts
    assert batch_of(ledger).reserved_usd_micros == 0
    assert ledger.permits.read(ACCOUNT).today_usd_micros == 0
    assert audit(ledger, ACCOUNT) == []
    assert grant(ledger) == [ref]


def test_what_may_be_under_way_holds_a_slot_each(ledger: Ledger) -> None:
    ledger.permits.set_limits(ACCOUNT, Limits(99, 2))
    refs = open_batch(ledger, jobs=4)
    for ref in refs[:3]:
        play(ledger, ref, Event.DOUBT)
    assert grant(ledger) == []
    absent = [
        transitions.mark_absent("spring", record_of(ledger, ref), 0.0)
        for ref in refs[:2]
    ]
    ledger.transitions.apply(absent)
    assert grant(ledger) == [refs[0]]
    assert audit(ledger, ACCOUNT) == []


@pytest.mark.parametrize("state", sorted(UNDER_WAY))
def test_a_job_in_doubt_that_fails_is_looked_for_and_not_sent_again(
    ledger: Ledger, state: State
) -> None:
    ref = now_in(ledger, State.WAITING)
    grant(ledger)
    steps = {State.OVERDUE: [Event.OVERDUE], State.GENERATED: [Event.COMPLETE]}
    play(ledger, ref, Event.CLAIM, Event.ACCEPT, *steps.get(state, []))
    stale = record_of(ledger, ref)
    assert ledger.transitions.doubt(ACCOUNT, [(ref, state, WHEN, {})]) == 0
    end = (REFUSED, 0.0)
    again = transitions.end("spring", stale, *end, refund=True, again=True)
    # Whoever read the job before does not know of the doubt.
    assert ledger.transitions.apply([again]) == [Applied.NO]
    now = record_of(ledger, ref)
    again = transitions.end("spring", now, *end, refund=True, again=True)
    assert ledger.transitions.apply([again]) == [Applied.YES]
    found = record_of(ledger, ref)
    assert (found.state, found.is_supposed) == (State.UNKNOWN, True)
    assert [a.outcome for a in found.attempts] == ["failed", "unknown"]
    assert batch_of(ledger).refunded_usd_micros == PRICE
    assert audit(ledger, ACCOUNT) == []


def test_what_failed_in_doubt_is_looked_for_when_it_is_retried(ledger: Ledger) -> None:
    ref = now_in(ledger, State.FAILED)
    assert ledger.transitions.doubt(ACCOUNT, [(ref, State.WAITING, WHEN, {})]) == 1
    assert record_of(ledger, ref).doubt is None
    ledger.transitions.doubt(ACCOUNT, [(ref, State.FAILED, WHEN, LINKS)])
    now = record_of(ledger, ref)
    # Long after, the provider does not tell any more, and a person has asked for it.
    late = transitions.retry("spring", now, WHEN.until_s + 8 * 86_400)
    assert late.event is Event.RETRY
    assert ledger.transitions.apply([transitions.retry("spring", now)]) == [Applied.YES]
    found = record_of(ledger, ref)
    assert (found.state, found.links) == (State.UNKNOWN, LINKS)
    assert audit(ledger, ACCOUNT) == []


def test_a_stale_absence_sends_nothing_that_is_in_doubt(ledger: Ledger) -> None:
    ref = now_in(ledger, State.WAITING)
    grant(ledger)
    play(ledger, ref, Event.CLAIM, Event.LOSE)
    stale = transitions.mark_absent("spring", record_of(ledger, ref), 0.0)
    ledger.transitions.doubt(ACCOUNT, [(ref, State.UNKNOWN, WHEN, {})])
    assert ledger.transitions.apply([stale]) == [Applied.NO]
    known = transitions.mark_absent("spring", record_of(ledger, ref), 0.0)
    assert ledger.transitions.apply([known]) == [Applied.YES]
    # It was sent, so its attempt stays.
    assert [a.outcome for a in record_of(ledger, ref).attempts] == ["absent"]


def test_money_of_the_past_counts_on_its_day(ledger: Ledger) -> None:
    assert spent_by_day(told(State.STORED).attempts) == {
        f"day:{int(SENT_S // 86_400)}": 2 * PRICE
    }
    today = f"day:{int(ledger.now_s() // 86_400)}"
    ledger.permits.spent(ACCOUNT, {today: PRICE})
    ledger.permits.spent(ACCOUNT, {today: PRICE})
    assert ledger.permits.read(ACCOUNT).today_usd_micros == 2 * PRICE
