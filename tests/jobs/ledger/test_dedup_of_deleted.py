"""What a deleted job made, or was refused, is known to who asks for the same."""

import pytest

from jobs.attempt.fingerprint import Fingerprint, FingerprintedJob
from jobs.ledger import Ledger, keys
from jobs.ledger.transitions import Applied
from jobs.states import Event, State
from jobs.storage import Store
from jobs.transitions import Ref, Transition
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.ended import (
    MADE,
    ask,
    delete,
    finished,
    jobs_here,
    records,
    reported,
)
from tests.jobs.ledger.play import (
    ACCOUNT,
    LEASE_S,
    PLENTY,
    POSTER,
    a_batch,
    a_job,
    grant,
    move_by,
    play,
    record_of,
)
from tests.producer.running import until

pytestmark = pytest.mark.usefixtures("small_steps")


def test_the_videos_of_a_deleted_batch_are_reused(ledger: Ledger, store: Store) -> None:
    _, stored, *_ = finished(ledger, store)
    made = record_of(ledger, stored)
    delete(ledger, "spring")
    wanted = [
        Fingerprint("c2", "new"),
        Fingerprint("", "w3"),
        Fingerprint("x", "w4"),
        Fingerprint("c1", "w1"),
    ]
    (prospect,) = ledger.dedup.preview(
        a_batch("autumn", store=store.url), [FingerprintedJob(a_job(1), wanted[0])]
    )
    assert (prospect.state, prospect.source_job) == (State.REUSED, stored)
    assert (prospect.video, prospect.video_bytes) == (made.video, made.video_bytes)
    first, second, other, failed = ask(ledger, store, "autumn", *wanted)
    assert (first.state, first.source_job) == (State.REUSED, str(stored))
    assert (first.video, first.video_bytes, first.video_sha256, first.poster) == (
        made.video,
        made.video_bytes,
        made.video_sha256,
        POSTER,
    )
    # Found as it is written; of another content it is none; what failed is made anew.
    assert second.state is State.REUSED
    assert (other.state, failed.state) == (State.WAITING, State.WAITING)
    assert audit(ledger, ACCOUNT) == []


def test_what_was_refused_for_its_content_is_not_sent_again_after_it_is_deleted(
    ledger: Ledger, store: Store
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ask(ledger, store, "spring", Fingerprint("c1", "w1"))
    (ref,) = grant(ledger)
    play(ledger, ref, Event.CLAIM, Event.ACCEPT)
    move = move_by("spring", record_of(ledger, ref), Event.FAIL)
    refused = '{"code": "moderation", "message": "too bold"}'
    written = {**move.write, "failure": refused}
    fields = {name: getattr(move, name) for name in move.__slots__}
    assert ledger.transitions.apply([Transition(**{**fields, "write": written})]) == [
        Applied.YES
    ]
    reported(ledger)
    delete(ledger, "spring")
    (spared,) = ask(ledger, store, "autumn", Fingerprint("c1", "w9"))
    assert spared.state is State.FAILED
    assert spared.failure
    assert spared.failure.message == "refused before, as spring/row-1: too bold"
    assert audit(ledger, ACCOUNT) == []


def test_a_video_that_is_gone_is_made_again_though_it_was_deleted(
    ledger: Ledger, store: Store
) -> None:
    _, stored, *_ = finished(ledger, store)
    delete(ledger, "spring")
    autumn = a_batch("autumn", store=store.url)
    for asked in (
        FingerprintedJob(a_job(1), Fingerprint("", "w2")),
        FingerprintedJob(a_job(1), Fingerprint("c3", "w3")),
    ):
        (prospect,) = ledger.dedup.preview(autumn, [asked])
        assert prospect.state is State.REUSED
        ledger.dedup.forget(store.url, asked, prospect.source_job)
        (prospect,) = ledger.dedup.preview(autumn, [asked])
        assert prospect.state is State.WAITING
    (other,) = ledger.dedup.preview(
        autumn, [FingerprintedJob(a_job(1), Fingerprint("c2", "x"))]
    )
    assert other.state is State.WAITING
    assert stored.batch == "spring"


def test_who_follows_a_job_that_is_deleted_before_it_looks_takes_its_video(
    simulated: Ledger, clock: Clock, store: Store
) -> None:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    ask(simulated, store, "spring", Fingerprint("c1", "w1"), Fingerprint("c2", "w2"))
    first, second = grant(simulated)
    play(simulated, first, Event.CLAIM, Event.ACCEPT, prediction_id="p1")
    play(simulated, second, Event.CLAIM, Event.ACCEPT, prediction_id="p2")
    follows = ask(
        simulated, store, "autumn", Fingerprint("c1", "w1"), Fingerprint("c2", "w2")
    )
    assert {each.state for each in follows} == {State.FOLLOWING}
    play(simulated, first, Event.COMPLETE, Event.STORE)
    play(simulated, second, Event.FAIL)
    reported(simulated)
    delete(simulated, "spring")
    clock.forward(LEASE_S)
    autumn = [Ref("autumn", "row-1"), Ref("autumn", "row-2")]
    simulated.dedup.follow(ACCOUNT, autumn)
    took, leads = records(simulated, "autumn")
    assert (took.state, leads.state) == (State.REUSED, State.WAITING)
    assert took.video == "row-1.mp4"
    assert audit(simulated, ACCOUNT) == []


def prospect(ledger: Ledger, store: Store, content: str, written: str) -> State:
    """What would become of a row that asks for this now."""
    asked = FingerprintedJob(a_job(1), Fingerprint(content, written))
    (found,) = ledger.dedup.preview(a_batch("winter", store=store.url), [asked])
    return found.state


def days_left(ledger: Ledger, store: Store) -> set[int]:
    """How long what was left of deleted jobs stays, in days."""
    ask_for = ledger.server.execute_command
    left = ask_for("KEYS", keys.left(store.url, "*"))
    return {round(ask_for("TTL", key) / 86_400) for key in left}


def expire(ledger: Ledger, store: Store) -> None:
    """The time of all that was left of deleted jobs is over."""
    for key in ledger.server.execute_command("KEYS", keys.left(store.url, "*")):
        ledger.server.execute_command("PEXPIRE", key, 1)
    until(lambda: not days_left(ledger, store))


def test_the_videos_of_a_deleted_batch_are_reused_for_a_time(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    delete(ledger, "spring", 30)
    assert days_left(ledger, store) == {30}
    # All that is left of them goes one day.
    assert ledger.server.hgetall(keys.asked(store.url)) == {}
    assert prospect(ledger, store, "c2", "new") is State.REUSED
    expire(ledger, store)
    assert prospect(ledger, store, "c2", "new") is State.WAITING


def test_what_is_reused_again_and_again_stays(ledger: Ledger, store: Store) -> None:
    finished(ledger, store)
    delete(ledger, "spring", 30)
    (again,) = ask(ledger, store, "autumn", Fingerprint("c2", "other"))
    assert again.state is State.REUSED
    reported(ledger, "autumn")
    delete(ledger, "autumn", 60)
    assert days_left(ledger, store) == {30, 60}
    assert prospect(ledger, store, "c2", "new") is State.REUSED


def test_a_video_that_a_younger_batch_has_is_not_made_again(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    delete(ledger, "spring")
    reusers = ask(
        ledger,
        store,
        "autumn",
        Fingerprint("c2", "other"),
        Fingerprint("c2", "other"),
        Fingerprint("", "w3"),
    )
    assert {reuser.state for reuser in reusers} == {State.REUSED}
    expire(ledger, store)
    for asked in (("c2", "new"), ("", "other"), ("c3", "new")):
        assert prospect(ledger, store, *asked) is State.REUSED
    # What is left of it then stays as long as that of any other.
    reported(ledger, "autumn")
    delete(ledger, "autumn", 60)
    assert days_left(ledger, store) == {60}
    (again,) = ask(ledger, store, "winter", Fingerprint("c2", "other"))
    assert (again.state, again.video) == (State.REUSED, reusers[0].video)
    assert audit(ledger, ACCOUNT) == []


def test_an_older_video_that_is_deleted_later_is_not_the_one_that_is_reused(
    ledger: Ledger, store: Store
) -> None:
    finished(ledger, store)
    ledger.batches.create(a_batch("anew", store=store.url, fresh=True))
    ledger.batches.add("anew", [FingerprintedJob(a_job(2), Fingerprint("c2", "w2"))])
    ledger.batches.open("anew")
    (newer,) = grant(ledger)
    play(ledger, newer, *MADE, prediction_id="newer")
    reported(ledger, "anew")
    delete(ledger, "anew")
    delete(ledger, "spring")
    (took,) = ask(ledger, store, "autumn", Fingerprint("c2", "w2"))
    assert (took.state, took.source_job) == (State.REUSED, str(newer))


def test_nothing_is_left_of_who_followed_and_was_cancelled(
    ledger: Ledger, store: Store
) -> None:
    ledger.permits.set_limits(ACCOUNT, PLENTY)
    ask(ledger, store, "spring", Fingerprint("c1", "w1"))
    (ref,) = grant(ledger)
    (follows,) = ask(ledger, store, "autumn", Fingerprint("c1", "w1"))
    assert follows.state is State.FOLLOWING
    play(ledger, Ref("autumn", "row-1"), Event.CANCEL)
    play(ledger, ref, *MADE)
    for batch_id in ("spring", "autumn"):
        reported(ledger, batch_id)
        delete(ledger, batch_id)
    assert jobs_here(ledger) == 0
