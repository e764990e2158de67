"""`pause`, `resume`, `list` and `show`, as a person uses them on a shared ledger."""

import json
from typing import Any

import pytest

from jobs.states import Event, State
from producer import pause, show
from producer.exits import Exit
from tests.jobs.ledger.play import (
    ACCOUNT,
    PLENTY,
    a_batch,
    grant,
    open_batch,
    play,
    reject,
)
from tests.producer.fleet import Fleet


def printed(place: Fleet, *words: Any, **options: Any) -> Any:
    """What a command prints for a program."""
    said = place.ask(*words, **options, json=True)
    assert said.code == Exit.STORED, said.err
    return json.loads(said.out)


def ten_and_two(place: Fleet) -> None:
    """`spring` with one stored, one failed and eight waiting; `autumn` with two."""
    place.ledger.permits.set_limits(ACCOUNT, PLENTY)
    refs = open_batch(place.ledger, jobs=10, budget_usd_micros=9_000_000)
    grant(place.ledger, 2)
    play(place.ledger, refs[0], Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE)
    play(place.ledger, refs[1], Event.CLAIM, Event.REFUSE)
    open_batch(place.ledger, "autumn", jobs=2, created_at_s=2_000.0)


def test_a_batch_is_paused_and_resumed(place: Fleet) -> None:
    ten_and_two(place)
    said = place.ask(pause.pause, "spring", account=False, json=False)
    assert "spring is paused: 8 jobs held" in said.err
    assert "reelmill resume spring" in said.err
    assert {ref.batch for ref in grant(place.ledger)} == {"autumn"}
    assert printed(place, pause.pause, "spring", account=False)["was_paused"] is True
    told = printed(place, pause.resume, "spring", account=False)
    assert told == {
        "batch": "spring",
        "paused": False,
        "was_paused": True,
        "waiting": 8,
        "under_way": 0,
    }
    assert len(grant(place.ledger)) == 8
    said = place.ask(pause.resume, "spring", account=False, json=False)
    assert "spring was not paused" in said.err


def test_an_account_is_paused_and_resumed_with_its_troubles_forgotten(
    place: Fleet,
) -> None:
    ten_and_two(place)
    said = place.ask(pause.pause, None, account=True, json=False)
    assert f"account {ACCOUNT} is paused" in said.err
    assert grant(place.ledger) == []
    reject(place.ledger, cause="balance", cooldown_s=900.0, reason="no money")
    told = printed(place, pause.resume, None, account=True)
    assert told["was_paused"] is True
    assert told["forgotten"] == "no money"
    assert len(grant(place.ledger)) == 10


def test_an_account_that_the_ledger_does_not_know_is_not_paused_in_vain(
    place: Fleet,
) -> None:
    open_batch(place.ledger, account="real")
    said = place.ask(pause.pause, None, account=True, json=False)
    assert said.code == Exit.USAGE
    assert f"nothing was ever rendered for account {ACCOUNT}" in said.err
    assert "its batches belong to real" in said.err
    assert "set WAVESPEED_API_KEY" in said.err


@pytest.mark.parametrize(("batch", "account"), [(None, False), ("spring", True)])
def test_either_a_batch_or_the_account_is_meant(
    place: Fleet, batch: str | None, account: bool
) -> None:
    said = place.ask(pause.pause, batch, account=account, json=False)
    assert said.code == Exit.USAGE
    assert (
        "name a batch, of which reelmill list --open has the ids, or say --account "
        "for all batches of the account"
    ) in said.err


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sprnig", "did you mean spring?"),
        ("spr", "did you mean spring?"),
        ("xyz", "the newest are autumn, spring"),
    ],
)
def test_an_unknown_batch_brings_the_names_that_come_near(
    place: Fleet, name: str, hint: str
) -> None:
    ten_and_two(place)
    said = place.ask(pause.pause, name, account=False, json=False)
    assert said.code == Exit.USAGE
    assert f"there is no batch {name} in this ledger; {hint}" in said.err


def test_the_batches_are_listed_newest_first_with_what_holds_them_up(
    place: Fleet,
) -> None:
    assert "there is no batch yet" in place.ask(show.list_, json=False).err
    ten_and_two(place)
    place.ledger.batches.create(a_batch("half", created_at_s=3_000.0))
    place.ledger.batches.pause("autumn")
    said = place.ask(show.list_, json=False)
    half, autumn, spring, *why = said.out.splitlines()[2:]
    assert half.split()[:3] == ["half", "incoming", "0/0"]
    assert why[0].startswith("half: not all rows are enqueued yet")
    assert autumn.split()[:4] == ["autumn", "paused", "0/2", "$0.00"]
    assert "reelmill resume autumn" in why[1]
    assert spring.split()[:5] == ["spring", "waiting", "1/10", "$0.21", "$9.00"]
    assert said.err == ""
    told = printed(place, show.list_)
    assert [batch["batch"] for batch in told] == ["half", "autumn", "spring"]
    assert told[2]["jobs"] == {"waiting": 8, "stored": 1, "failed": 1}
    assert told[1]["held_up"].startswith("paused; continue with")


def test_the_list_comes_in_pages_and_can_leave_out_what_is_over(place: Fleet) -> None:
    place.ledger.permits.set_limits(ACCOUNT, PLENTY)
    for number in range(5):
        name = f"b{number}"
        (ref,) = open_batch(place.ledger, name, 1, created_at_s=float(number))
        if number % 2:
            grant(place.ledger, 9)
            play(place.ledger, ref, Event.CLAIM, Event.REFUSE)
            place.ledger.batches.pause("b0")

    def names(**options: Any) -> list[str]:
        found = printed(place, show.list_, **options)
        return [batch["batch"] for batch in found]

    assert names() == ["b4", "b3", "b2", "b1", "b0"]
    assert names(limit=2) == ["b4", "b3"]
    assert names(limit=2, page=3) == ["b0"]
    assert names(limit=2, page=4) == []
    assert names(unfinished=True, limit=2) == ["b4", "b2"]
    said = place.ask(show.list_, limit=2, page=2, json=False)
    assert "batches 3 to 4 of 5; --page 3 shows more" in said.err
    said = place.ask(show.list_, limit=2, page=9, json=False)
    assert (said.out, said.err) == ("", "page 9 is beyond the last, 3\n")


def test_the_jobs_of_a_batch_come_in_pages_and_by_state(place: Fleet) -> None:
    ten_and_two(place)

    def ids(**options: Any) -> list[str]:
        return [job["id"] for job in printed(place, show.show, *both, **options)]

    both = ("spring", None)
    assert ids() == [f"row-{n}" for n in range(1, 11)]
    assert ids(limit=3, page=2) == ["row-4", "row-5", "row-6"]
    assert ids(state=State.FAILED) == ["row-2"]
    assert ids(state=State.WAITING, limit=3, page=3) == ["row-9", "row-10"]
    assert ids(state=State.UNKNOWN) == []
    said = place.ask(show.show, *both, limit=4, json=False)
    assert "spring: waiting, $0.21 of $9.00 budget" in said.err
    assert "jobs 1 to 4 of 10; --page 2 shows more" in said.err
    said = place.ask(show.show, *both, state=State.WAITING, limit=4, page=2, json=False)
    assert "waiting jobs 5 to 8 of 8" in said.err
    said = place.ask(show.show, *both, limit=4, page=9, json=False)
    assert (said.out, said.err) == ("", "page 9 is beyond the last, 3\n")
