"""What a rejection does: to the account, which cools down, or to its job alone."""

import pytest

from jobs.attempt.failures import LOST
from jobs.ledger import Ledger
from jobs.ledger.permits import Verdict
from jobs.pace.limits import Limits
from jobs.states import Event
from jobs.transitions import Ref, release
from tests.audit import audit
from tests.conftest import Clock
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    grant,
    move_by,
    open_batch,
    play,
    record_of,
    reject,
)

JOB, ACCOUNT_COOLS, FINAL = Verdict

TROUBLES = ("permission", "key", "balance")


def claimed(ledger: Ledger, clock: Clock, ref: Ref) -> None:
    move = move_by(ref.batch, record_of(ledger, ref), Event.CLAIM, now_s=clock())
    ledger.transitions.apply([move])


def accepted(ledger: Ledger, clock: Clock, ref: Ref) -> None:
    claimed(ledger, clock, ref)
    play(ledger, ref, Event.ACCEPT, prediction_id=f"p-{ref}")


def finished(ledger: Ledger, clock: Clock, ref: Ref) -> None:
    accepted(ledger, clock, ref)
    play(ledger, ref, Event.COMPLETE, Event.STORE)


def refused(ledger: Ledger, clock: Clock, ref: Ref, cause: str) -> Verdict:
    """Its request goes out and is rejected, and it waits again."""
    claimed(ledger, clock, ref)
    verdict = reject(ledger, ref, cause)
    ledger.transitions.apply([release(ref.batch, record_of(ledger, ref))])
    return verdict


def cooled(ledger: Ledger) -> bool:
    return ledger.permits.read(ACCOUNT).consecutive_rejections > 0


@pytest.fixture
def plenty(simulated: Ledger) -> Ledger:
    simulated.permits.set_limits(ACCOUNT, PLENTY)
    return simulated


def test_a_cooling_account_starts_nothing_and_then_one_probe(
    plenty: Ledger, clock: Clock
) -> None:
    open_batch(plenty, jobs=5)
    assert reject(plenty, cooldown_s=10.0) is ACCOUNT_COOLS
    clock.forward(9.9)
    assert grant(plenty) == []
    clock.forward(0.1)
    assert len(grant(plenty)) == 1
    assert grant(plenty) == []
    clock.forward(5_000)
    assert grant(plenty) == []


def test_an_accepted_probe_ends_the_cooldown(plenty: Ledger, clock: Clock) -> None:
    refs = open_batch(plenty, jobs=5)
    reject(plenty)
    clock.forward(10)
    (probe,) = grant(plenty)
    accepted(plenty, clock, probe)
    assert grant(plenty) == [ref for ref in refs if ref != probe]
    assert not cooled(plenty)


def test_a_burst_of_rejections_counts_once_and_the_longest_cooldown(
    plenty: Ledger, clock: Clock
) -> None:
    for ref, cooldown_s in zip(open_batch(plenty), (5.0, 90.0, 5.0), strict=True):
        reject(plenty, ref, cooldown_s=cooldown_s, consecutive_before=0)
    account = plenty.permits.read(ACCOUNT)
    assert account.consecutive_rejections == 1
    assert account.refusals == 3
    assert account.cooling_until_s == clock() + 90


def test_an_acceptance_of_the_rejected_burst_does_not_end_the_cooldown(
    plenty: Ledger, clock: Clock
) -> None:
    first, *_ = open_batch(plenty, jobs=5)
    grant(plenty, 2)
    reject(plenty)
    accepted(plenty, clock, first)
    assert cooled(plenty)
    clock.forward(9)
    assert grant(plenty) == []


def test_finding_a_lost_prediction_is_no_proof_that_the_account_is_well(
    plenty: Ledger, clock: Clock
) -> None:
    first, *_ = open_batch(plenty, jobs=5)
    grant(plenty, 1)
    play(plenty, first, Event.CLAIM, Event.LOSE)
    reject(plenty)
    clock.forward(10)
    play(plenty, first, Event.ADOPT)
    assert cooled(plenty)
    assert len(grant(plenty)) == 1


@pytest.mark.parametrize("cause", ["throttled", "permission"])
@pytest.mark.parametrize("priority", [100])
def test_every_job_has_its_turn_as_a_probe(
    plenty: Ledger, clock: Clock, cause: str, priority: int
) -> None:
    refs = open_batch(plenty, jobs=8, priority=priority)
    refs += open_batch(plenty, "autumn", jobs=2)
    probes = []
    for ref in grant(plenty, 1):
        refused(plenty, clock, ref, cause)
    for _ in range(40):
        clock.forward(10)
        probes += grant(plenty)
        refused(plenty, clock, probes[-1], cause)
    assert set(probes) == set(refs)
    assert {ref.batch for ref in probes[:3]} == {"spring", "autumn"}
    if cause != "throttled":
        assert max(probes.count(ref) for ref in refs[:8]) <= 4
    assert audit(plenty, ACCOUNT) == []


def test_what_was_rejected_waits_behind_the_others_until_its_time(
    plenty: Ledger, clock: Clock
) -> None:
    refs = open_batch(plenty, jobs=9)
    (first,) = grant(plenty, 1)
    assert grant(plenty, 1) == refs[1:2]
    accepted(plenty, clock, refs[1])
    assert refused(plenty, clock, first, "permission") is JOB
    assert grant(plenty, 4) == refs[2:6]
    clock.forward(4.9)
    assert grant(plenty) == refs[6:]
    assert grant(plenty) == []
    clock.forward(0.1)
    assert grant(plenty) == [first]
    # Sent back for another reason it stays behind; a person brings it to its place.
    play(plenty, first, Event.CLAIM, Event.RETURN, Event.CANCEL, Event.RETRY)
    assert grant(plenty) == [first]
    assert audit(plenty, ACCOUNT) == []


def test_a_rejection_that_is_told_twice_counts_once(
    plenty: Ledger, clock: Clock
) -> None:
    bad, good = open_batch(plenty, jobs=2)
    grant(plenty)
    accepted(plenty, clock, good)
    claimed(plenty, clock, bad)
    for _ in range(9):
        assert reject(plenty, bad, "permission") is JOB


def test_only_the_fourth_rejection_of_a_job_is_final(
    plenty: Ledger, clock: Clock
) -> None:
    bad, good = open_batch(plenty, jobs=2)
    grant(plenty)
    accepted(plenty, clock, good)
    verdicts = [refused(plenty, clock, bad, "permission")]
    for _ in range(3):
        clock.forward(60)
        assert grant(plenty) == [bad]
        verdicts.append(refused(plenty, clock, bad, "permission"))
    assert verdicts == [JOB, JOB, JOB, FINAL]
    assert not cooled(plenty)


@pytest.mark.parametrize(("bad", "verdict"), [(3, FINAL), (4, ACCOUNT_COOLS)])
def test_a_few_may_be_refused_behind_an_accepted_burst_and_many_are_the_account(
    plenty: Ledger, clock: Clock, bad: int, verdict: Verdict
) -> None:
    refs = open_batch(plenty, jobs=20)
    for ref in grant(plenty)[bad:]:
        accepted(plenty, clock, ref)
    last = JOB
    for ref in refs[:bad]:
        refused(plenty, clock, ref, "permission")
    for _ in range(5 * bad):
        clock.forward(60)
        for ref in grant(plenty):
            last = refused(plenty, clock, ref, "permission")
            if last is FINAL:
                play(plenty, ref, Event.CANCEL)
    assert last is verdict


@pytest.mark.parametrize("cause", ["key"])
def test_trouble_of_the_account_is_never_a_jobs_own(
    plenty: Ledger, clock: Clock, cause: str
) -> None:
    bad, *_ = open_batch(plenty, jobs=30)
    grant(plenty, 1)
    assert refused(plenty, clock, bad, cause) is ACCOUNT_COOLS
    for _ in range(8):
        clock.forward(60)
        (probe,) = grant(plenty, 1)
        accepted(plenty, clock, probe)
    while (granted := grant(plenty, 1)) != [bad]:
        accepted(plenty, clock, granted[0])
    # Whoever is refused while others are accepted keeps nobody waiting.
    assert refused(plenty, clock, bad, cause) is JOB
    assert not cooled(plenty)
    clock.forward(60)
    assert grant(plenty) == [bad]
    assert refused(plenty, clock, bad, cause) is ACCOUNT_COOLS


def test_trouble_is_not_forgotten_for_a_busy_provider(plenty: Ledger) -> None:
    one, two, three = open_batch(plenty)
    reject(plenty, one, "balance", 60.0, "no credit", consecutive_before=0)
    reject(plenty, two, LOST, 2.0, "connection reset", consecutive_before=0)
    reject(plenty, three, "throttled", 2.0, "slow down", consecutive_before=0)
    account = plenty.permits.read(ACCOUNT)
    assert (account.trouble, account.reason) == ("balance", "no credit")
    reject(plenty, three, "key", 60.0, "no such key")
    account = plenty.permits.read(ACCOUNT)
    assert (account.trouble, account.reason) == ("key", "no such key")


def test_a_person_who_resumes_the_account_forgets_all_that_it_was_told(
    plenty: Ledger,
) -> None:
    plenty.permits.set_limits(ACCOUNT, Limits(1_000, 100))
    refs = open_batch(plenty, jobs=90)
    reject(plenty, refs[0], "throttled", 300.0)
    reject(plenty, refs[1], "balance", 300.0)
    for ref in refs[2:9]:
        reject(plenty, ref, LOST, 300.0)
    plenty.permits.pause(ACCOUNT)
    plenty.permits.resume(ACCOUNT)
    account = plenty.permits.read(ACCOUNT)
    assert account.adaptive_concurrency is None
    assert (account.trouble, account.reason, account.cooling_until_s) == ("", "", 0.0)
    assert len(grant(plenty)) == 90
    assert reject(plenty, refs[0], LOST) is JOB


def test_a_lost_answer_rests_its_job_and_a_share_of_them_the_account(
    plenty: Ledger, clock: Clock
) -> None:
    refs = open_batch(plenty, jobs=1_000)
    grant(plenty)
    # One of twenty is no reason to wait, however long it goes on.
    for number, ref in enumerate(refs[:500]):
        if number % 20:
            accepted(plenty, clock, ref)
        else:
            assert reject(plenty, ref, LOST) is JOB
    assert not cooled(plenty)
    told = [reject(plenty, ref, LOST, consecutive_before=0) for ref in refs[500:506]]
    assert told[:3] == [JOB] * 3
    assert told[-1] is ACCOUNT_COOLS
    assert plenty.permits.read(ACCOUNT).consecutive_rejections == 1


def started(ledger: Ledger, clock: Clock, most: int = 1_000) -> list[Ref]:
    """What starts now and is accepted."""
    refs = grant(ledger, most)
    for ref in refs:
        accepted(ledger, clock, ref)
    return refs


@pytest.mark.parametrize(("running", "left"), [(0, 50), (70, 70)])
def test_a_429_halves_the_concurrency_at_most_down_to_what_was_taken(
    simulated: Ledger, clock: Clock, running: int, left: int
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(100_000, 100))
    refs = open_batch(simulated, jobs=200)
    started(simulated, clock, running)
    reject(simulated, refs[running])
    assert simulated.permits.read(ACCOUNT).adaptive_concurrency == left


def test_a_429_while_the_window_is_full_says_nothing_of_the_concurrency(
    simulated: Ledger, clock: Clock
) -> None:
    simulated.permits.set_limits(ACCOUNT, Limits(10, 1_000))
    refs = open_batch(simulated, jobs=20)
    assert len(started(simulated, clock)) == 10
    assert reject(simulated, refs[9]) is ACCOUNT_COOLS
    assert simulated.permits.read(ACCOUNT).adaptive_concurrency is None
    clock.forward(61)
    assert reject(simulated, refs[9]) is ACCOUNT_COOLS
    assert simulated.permits.read(ACCOUNT).adaptive_concurrency is not None


def commands(ledger: Ledger) -> dict[str, int]:
    """How often each command was carried out, by scripts too."""
    told = ledger.server.execute_command("INFO", "commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in told.items()}
