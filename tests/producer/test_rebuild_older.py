"""A ledger that is older than what was sent is compared, and nothing is paid twice."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jobs import catalogue, transitions
from jobs.attempt.fingerprint import FingerprintedJob, Fingerprinter
from jobs.ledger import Ledger
from jobs.ledger.marks import StoreMarks
from jobs.ledger.transitions import Applied
from jobs.settings import child_environment
from jobs.states import State
from jobs.storage import Store
from jobs.transitions import Ref
from producer import pause
from producer.batch_copies import keep_copy, refuse_if_lost
from producer.exits import CommandError, Exit
from producer.rebuild import rebuild
from producer.report import keep_report
from tests.audit import audit
from tests.backups import backup
from tests.sandbox.running import RunningSandbox, running_sandbox
from tests.worker.workshop import Workshop, drawing, workshop

Compare = Callable[..., dict[str, int]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(tier="ultra", quality="small", generation_s=0.05) as running:
        yield running


@dataclass
class Clock:
    """The clock of the ledger's machine."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(
    ledger: Ledger, sandbox: RunningSandbox, home: Path, clock: Clock
) -> Iterator[Workshop]:
    own = Ledger(ledger.server, clock)
    with workshop(own, sandbox, home) as made:
        yield made


@pytest.fixture
def store(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store of a person who has the same account and ledger."""
    monkeypatch.setattr("producer.rebuild.MAX_HOLD_S", 0.0)
    settings, chosen = shop.engine.settings, str(shop.store / "spring")
    changes = {
        "redis_url": settings.ledger_url,
        "store": chosen,
        "submit_timeout_s": 1.0,
        "settling_s": 1.1,
    }
    for name, value in child_environment(settings.model_copy(update=changes)).items():
        monkeypatch.setenv(name, value)
    return chosen


@pytest.fixture
def compared(shop: Workshop, store: str, capsys: pytest.CaptureFixture[str]) -> Compare:
    """Runs the command on a ledger whose data was put back; jobs by their states."""

    def compare(
        *, code: int = Exit.INCOMPLETE, yes: bool = True, batches: int = 1
    ) -> dict[str, int]:
        capsys.readouterr()
        assert rebuild(yes=yes, json=True) == code
        account = shop.ledger.permits.read(shop.engine.account)
        assert not account.older
        assert audit(shop.ledger, shop.engine.account) == []
        marks = StoreMarks(shop.ledger, Store(store), shop.engine.account)
        assert not marks.are_forgotten()
        # What counts as started in the last minute is over a minute later.
        shop.ledger.server.execute_command(
            "DEL", f"reelmill:account:{shop.engine.account}:starts"
        )
        assert len(json.loads(capsys.readouterr().out)["rebuilt"]) == batches
        return shop.look_for_lost()

    return compare


def order(shop: Workshop, count: int, **inputs: str) -> list[Ref]:
    refs = shop.order(*(shop.job(number, **inputs) for number in range(count)))
    batch = shop.ledger.batches.read("spring")
    assert batch
    keep_copy(shop.ledger, batch)
    return refs


def end(shop: Workshop) -> None:
    going = (State.GENERATING, State.GENERATED)
    shop.until(lambda: not any(map(shop.are, going)), shop.end)


def test_what_was_sent_since_the_backup_is_found_and_the_rest_goes_on(
    shop: Workshop, compared: Compare
) -> None:
    shop.sandbox.configure(result_inputs=True)
    order(shop, 10)
    shop.submit(2)
    end(shop)
    put_back = backup(shop.ledger)
    shop.submit(3)
    end(shop)
    shop.sandbox.configure(generation_s=1.0)
    shop.submit(2)
    put_back()
    shop.submit()
    assert len(shop.books()) == 7
    found = compared()
    assert found == {"stored": 5, "generating": 2, "waiting": 3}
    shop.until_all(State.STORED)
    shop.check()
    assert shop.is_paid_as_booked()
    assert max(shop.paid().values()) == 1


def test_what_the_provider_hides_is_told_by_videos_and_first_frames(
    shop: Workshop, compared: Compare
) -> None:
    order(shop, 6)
    shop.submit(1)
    end(shop)
    put_back = backup(shop.ledger)
    shop.submit(2)
    end(shop)
    shop.submit(1)
    put_back()
    shop.submit()
    assert compared() == {"stored": 3, "generating": 1, "waiting": 2}
    shop.until_all(State.STORED)
    shop.check()
    assert len(shop.books()) == 6


def test_two_rows_that_ask_for_the_same_share_no_prediction(
    shop: Workshop, compared: Compare
) -> None:
    shop.sandbox.configure(result_inputs=True)
    order(shop, 2, prompt=f"{shop.tag} same", image=shop.job(0).inputs["image"])
    put_back = backup(shop.ledger)
    shop.submit(1)
    put_back()
    shop.submit()
    assert compared() == {"generating": 1, "waiting": 1}
    shop.until_all(State.STORED)
    assert len({record.prediction_id for record in shop.records().values()}) == 2
    assert len(shop.books()) == 2


def test_a_first_frame_tells_of_uploaded_pictures_too(
    shop: Workshop, compared: Compare
) -> None:
    account, jobs = shop.engine.account, []
    for number, colour in enumerate(("red", "teal", "black")):
        path, link = f"{colour}.jpg", shop.upload(drawing("mug", colour))
        made = shop.job(number, image=path)
        jobs.append(replace(made, contents={path: colour}))
        shop.ledger.links.keep(account, colour, link, shop.engine.now_s() + 9_999)
    shop.order(*jobs)
    shop.submit(1)
    put_back = backup(shop.ledger)
    shop.submit(1)
    put_back()
    shop.submit()
    assert compared() == {"generating": 2, "waiting": 1}
    shop.until_all(State.STORED)
    shop.check()
    assert len(shop.books()) == 3


def test_what_an_older_ledger_was_sending_finds_its_own_prediction(
    shop: Workshop, compared: Compare
) -> None:
    shop.sandbox.configure(result_inputs=True)
    order(shop, 4)
    granted = shop.ledger.permits.grant(shop.engine.account, 2, 30.0)
    assert len(granted) == 2
    put_back = backup(shop.ledger)
    shop.submit_these(granted)
    shop.sandbox.configure(submit_drop_after="first 1")
    shop.submit(1)
    shop.sandbox.configure(submit_drop_after=0.0)
    put_back()
    shop.submit()
    assert compared() == {"generating": 3, "waiting": 1}
    shop.until_all(State.STORED)
    shop.check()


@pytest.mark.parametrize("other", [1, 6], ids=["other-picture", "same-picture"])
def test_what_failed_unseen_and_was_sent_again_keeps_its_prediction(
    shop: Workshop, compared: Compare, other: int
) -> None:
    shop.sandbox.configure(outcome_5000="first 1")
    failed, waits = shop.order(shop.job(0), shop.job(other))
    shop.submit(1)
    put_back = backup(shop.ledger)
    shop.until(lambda: len(shop.are(State.WAITING)) == 2, shop.look)
    shop.submit(1)
    second = shop.record(failed).prediction_id
    assert second
    put_back()
    shop.submit()
    found = compared()
    assert found == {"generating": 1, "unresolved" if other == 6 else "waiting": 1}
    shop.look()
    assert shop.record(failed).state is State.UNKNOWN
    shop.look_for_lost()
    if other == 6:
        assert shop.states() == {State.UNRESOLVED: 2}
        return
    assert shop.record(failed).prediction_id == second
    assert shop.record(waits).state is State.WAITING
    shop.until_all(State.STORED)
    shop.check()
    assert len(shop.books()) == 3


def test_money_of_earlier_attempts_is_counted_once(
    shop: Workshop, compared: Compare
) -> None:
    shop.sandbox.configure(outcome_5000="first 1", result_inputs=True)
    order(shop, 1)
    shop.submit()
    shop.until(lambda: shop.are(State.WAITING), shop.look)
    put_back = backup(shop.ledger)
    shop.submit()
    end(shop)
    put_back()
    shop.submit()
    assert compared(code=Exit.STORED) == {"stored": 1}
    assert shop.is_paid_as_booked()
    (record,) = shop.records().values()
    assert [a.number for a in record.attempts] == [1, 2]


def test_a_report_that_is_older_than_the_ledger_tells_nothing(
    shop: Workshop, compared: Compare
) -> None:
    shop.sandbox.configure(outcome_1200="first 1", result_inputs=True)
    (ref,) = order(shop, 1)
    shop.submit()
    end(shop)
    keep_report(shop.ledger, "spring", shop.ledger.now_s())
    shop.ledger.transitions.apply([transitions.retry("spring", shop.record(ref))])
    put_back = backup(shop.ledger)
    shop.submit()
    put_back()
    shop.submit()
    assert compared() == {"generating": 1}


def test_a_person_may_say_that_it_is_older_where_no_mark_tells(
    shop: Workshop, store: str
) -> None:
    shop.sandbox.configure(result_inputs=True)
    order(shop, 2)
    put_back = backup(shop.ledger)
    shop.submit(1)
    put_back()
    for mark in Path(store, ".reelmill").glob("*/marks/*"):
        mark.unlink()
    with pytest.raises(CommandError, match="no copy of a batch that this ledger lacks"):
        rebuild(yes=True, json=True)
    assert rebuild(older=True, yes=False, json=True) == Exit.INCOMPLETE
    assert shop.look_for_lost() == {"generating": 1, "waiting": 1}
    batch = shop.ledger.batches.read("spring")
    assert batch
    assert batch.paused


def test_nothing_is_handed_in_and_nobody_resumes_before_it_was_compared(
    shop: Workshop, store: str
) -> None:
    order(shop, 2)
    put_back = backup(shop.ledger)
    shop.submit(1)
    put_back()
    with pytest.raises(
        CommandError, match=r"older than what was sent.*reelmill rebuild"
    ):
        refuse_if_lost(shop.ledger, store, shop.engine.account, fresh_ledger=False)
    with pytest.raises(
        CommandError, match=r"older than what was sent.*reelmill rebuild"
    ):
        pause.resume(None, account=True, json=False)
    assert shop.ledger.permits.grant(shop.engine.account, 9, 30.0) == []


@pytest.mark.parametrize("ahead_s", [-3_600.0, 3_600.0])
def test_a_clock_that_was_wrong_when_the_ledger_was_saved_hides_nothing(
    shop: Workshop, compared: Compare, clock: Clock, ahead_s: float
) -> None:
    shop.sandbox.configure(result_inputs=True)
    clock.ahead_s = ahead_s
    order(shop, 4)
    shop.submit(1)
    clock.ahead_s = 0.0
    put_back = backup(shop.ledger)
    shop.submit(1)
    put_back()
    shop.submit()
    assert compared() == {"generating": 2, "waiting": 2}


def test_a_result_that_is_broken_for_good_keeps_no_account_held(
    shop: Workshop, compared: Compare
) -> None:
    order(shop, 3)
    shop.submit(1)
    put_back = backup(shop.ledger)
    shop.submit(1)
    put_back()
    shop.submit()
    shop.sandbox.configure(result_5xx=1.0)
    assert compared() == {"generating": 1, "unresolved": 2}


@pytest.mark.parametrize("is_shown", [True, False])
def test_a_job_that_followed_and_was_paid_after_all_is_not_paid_again(
    shop: Workshop, compared: Compare, *, is_shown: bool
) -> None:
    shop.sandbox.configure(result_inputs=is_shown)
    store, account_id = str(shop.store / "spring"), shop.engine.account
    # The same picture, at another address each.
    asked = []
    for n in range(2):
        picture = f"{shop.sandbox.files_url}/pictures/mug.jpg?n={n}"
        job = shop.job(0, image=picture, prompt=f"{shop.tag} same")
        job = replace(job, contents={picture: "mug"}, key=f"{n}.mp4")
        asked.append(FingerprintedJob(job, Fingerprinter(catalogue.builtin()).of(job)))
    for name, each in zip(("summer", "spring"), asked, strict=True):
        shop.order(batch=name, store=store)
        shop.ledger.batches.add(name, [each])
        shop.ledger.batches.open(name)
        batch = shop.ledger.batches.read(name)
        assert batch
        keep_copy(shop.ledger, batch)
    source_job, follower = Ref("summer", "r0"), Ref("spring", "r0")
    assert shop.record(follower).state is State.FOLLOWING
    put_back = backup(shop.ledger)

    def cancel_leader() -> None:
        shop.ledger.transitions.apply(
            [transitions.cancel("summer", shop.record(source_job))]
        )
        shop.ledger.dedup.follow(account_id, [follower])

    cancel_leader()
    shop.submit()
    put_back()
    shop.submit()
    assert len(shop.books()) == 1
    compared(batches=2)
    if not is_shown:
        # It may be of either, so a person has a word.
        assert shop.states() == {State.UNRESOLVED: 2}
        now_s = shop.ledger.now_s()
        absent = transitions.mark_absent("summer", shop.record(source_job), now_s)
        assert shop.ledger.transitions.apply([absent]) == [Applied.YES]
    cancel_leader()
    shop.until(lambda: shop.record(follower).state is State.STORED, shop.turn)
    assert len(shop.books()) == 1
    assert audit(shop.ledger, account_id) == []
