"""Plain lines come seldom and whole; events tell a program all that happens."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from jobs.ledger.snapshots import FAILURES, Failed
from jobs.states import State
from producer.watching import Snapshot, document
from producer.watching.eta import Pace
from producer.watching.events import Events
from producer.watching.plain import PLAIN_EVERY_S, Lines, status
from tests.producer.watching.snapshots import (
    NOW_S,
    account,
    counts,
    failed,
    mix,
    snapshot,
)


@given(counts)
def test_a_status_tells_every_job_once(counts: dict[State, int]) -> None:
    now = snapshot(counts, seen={"workers": 0})
    words = status(now, Pace().after(now)).split(" · ")
    told = [int(word.split()[0]) for word in words if not word.startswith("$")]
    assert sum(told) == sum(counts.values())


def test_a_status_tells_counts_money_pace_and_time_left() -> None:
    before = snapshot({State.STORED: 1, State.WAITING: 9}, now_s=NOW_S - 60)
    now = snapshot({State.STORED: 4, State.GENERATING: 2, State.WAITING: 4})
    assert status(now, Pace().after(before).after(now)) == (
        "4 of 10 stored · 2 generating · 4 waiting · $0.84 of $2.10 estimated"
        " · 3 a minute · 2 min left"
    )
    capped = snapshot({State.FAILED: 1}, budget_usd_micros=1_000_000)
    assert status(capped, Pace().after(capped)) == (
        "0 of 1 stored · 1 failed · $0.84 of $1.00 budget"
    )
    back = snapshot({State.FAILED: 1}, refunded_usd_micros=210_000)
    assert status(back, Pace().after(back)) == (
        "0 of 1 stored · 1 failed · $0.63 of $2.10 estimated, $0.21 refunded"
    )
    of = account(trouble="balance", reason="no credits")
    short = snapshot({State.WAITING: 9}, budget_usd_micros=1_000_000)
    assert status(short, Pace()) == (
        "0 of 9 stored · 9 waiting · $0.84 of $1.00 budget · the budget ends first"
    )
    (_, why) = status(snapshot({State.WAITING: 1}, of=of), Pace()).splitlines()
    assert why == (
        "the account is in trouble (balance): no credits; top the account up; "
        "a worker that is at work tries again every minute"
    )
    held = snapshot({State.WAITING: 1}, note="full:\x1b[2J\nof \u202e")
    assert status(held, Pace()).splitlines()[1:] == ["full:\\x1b[2J of \\u202e"]


def test_plain_lines_come_when_there_is_news_and_not_too_often(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_s = [0.0]
    lines = Lines(lambda: at_s[0])
    for at_s[0], are in (
        (0.0, {State.WAITING: 2}),
        (1.0, {State.STORED: 1, State.WAITING: 1}),
        (PLAIN_EVERY_S, {State.WAITING: 2}),
        (PLAIN_EVERY_S + 1, {State.STORED: 1, State.WAITING: 1}),
        (PLAIN_EVERY_S + 2, {State.STORED: 2}),
    ):
        now = snapshot(are, now_s=NOW_S + at_s[0])
        lines.show([now], {now.batch.id: Pace()})
    lines.away("no route", NOW_S)
    lines.back()
    lines.close()
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" · ")[0] for line in said] == [
        "0 of 2 stored",
        "1 of 2 stored",
        "the ledger is away (no route); asking again",
        "the ledger answers again",
    ]


def test_lines_of_several_batches_name_them(capsys: pytest.CaptureFixture[str]) -> None:
    several = [snapshot({State.WAITING: 2}, id=name) for name in ("spring", "autumn")]
    Lines(lambda: 0.0, named=True).show(
        several, {now.batch.id: Pace() for now in several}
    )
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" of ")[0] for line in said] == ["spring: 0", "autumn: 0"]


class Stream:
    """What a program reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events = Events(self.lines.append, lambda: NOW_S)

    def show(self, *nows: Snapshot) -> None:
        self.events.show(nows, {now.batch.id: Pace().after(now) for now in nows})

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def test_events_tell_what_happens_in_order_and_each_failure_once() -> None:
    stream = Stream()
    first = snapshot({State.WAITING: 2})
    one = replace(
        snapshot({State.FAILED: 1, State.WAITING: 1}), failures=(failed("mug"),)
    )
    lost = Failed("bag", State.UNRESOLVED, None)
    two = snapshot({State.FAILED: 1, State.UNRESOLVED: 1})
    two = replace(two, failures=(lost, failed("mug")))
    for now in (first, replace(first, now_s=NOW_S + 9, starts=3), one, one):
        stream.show(now)
    stream.events.away("no route", NOW_S)
    stream.events.back()
    stream.show(two)
    stream.events.over(two, Pace(), 3)
    told = stream.told()
    assert [each["event"] for each in told] == [
        "snapshot",
        "change",
        "failure",
        "away",
        "back",
        "change",
        "failure",
        "over",
    ]
    assert [each["id"] for each in told if each["event"] == "failure"] == ["mug", "bag"]
    assert told[2] == {
        "event": "failure",
        "at": "2027-01-15T08:00:00+00:00",
        "batch": "products-1",
        "id": "mug",
        "state": "failed",
        "code": "moderation",
        "message": "not shown",
        "next_step": "Change its prompt or picture: unchanged it is refused again.",
    }
    assert told[3]["reason"] == "no route"
    assert told[-1]["exit_code"] == 3
    assert told[-1]["state"] == "unresolved"


def test_the_first_of_all_is_the_batch_though_rows_of_it_have_failed() -> None:
    stream = Stream()
    seen = (failed("mug"), failed("bag"))
    stream.show(snapshot({State.FAILED: 2}, seen={"failures": seen}))
    told = [(each["event"], each.get("id")) for each in stream.told()]
    assert told == [("snapshot", None), ("failure", "bag"), ("failure", "mug")]


def test_a_failure_is_told_once_though_only_the_newest_are_seen() -> None:
    stream = Stream()
    failing = [failed(f"row-{number}") for number in range(FAILURES + 5)]

    def see(failing: list[Failed]) -> list[object]:
        before = len(stream.told())
        seen = {"failures": tuple(failing[:FAILURES])}
        stream.show(snapshot({State.FAILED: len(failing)}, seen=seen))
        told = [each for each in stream.told()[before:] if each["event"] == "failure"]
        return [each["id"] for each in told]

    assert see(failing[5:]) == [f"row-{n}" for n in range(FAILURES + 4, 4, -1)]
    assert see(failing[2:]) == ["row-4", "row-3", "row-2"]
    # Two are retried, so two older ones come into sight again; one fails anew.
    assert see(failing[4:]) == []
    assert see([failing[2], *failing[4:]]) == ["row-2"]


def test_what_tells_of_a_batch_has_all_of_it_and_its_account() -> None:
    stream = Stream()
    cooling = account(cooling_until_s=NOW_S + 60, slots_in_use=7)
    now = snapshot(
        {State.WAITING: 40},
        of=cooling,
        seen={"starts": 5, "mix": mix(90.0)},
        refunded_usd_micros=100_000,
        estimated_usd_micros=2_000_000,
    )
    stream.show(now)
    (told,) = stream.told()
    assert document(now).items() <= told.items()
    assert told["starts"] == {
        "last_minute": 5,
        "videos_per_minute": 40,
        "slots_in_use": 7,
        "concurrent_videos": 100,
    }
    assert told["account_state"] == {
        "paused": False,
        "trouble": None,
        "cooling_until": "2027-01-15T08:01:00+00:00",
        "reason": "the provider's words",
        "next_step": None,
    }
    assert told["workers"] == 1
    # What is left of the estimate, for no more can wait.
    assert told["projected_usd"] == "2.10"
    assert told["projected_net_usd"] == "2.00"
    assert told["done_by"] > told["account_state"]["cooling_until"]
    assert told["stored_per_minute"] is None
