"""Events tell a program all that happens, in order, and each failure once."""

import json
from dataclasses import replace
from typing import Any

from jobs.ledger.snapshots import FAILURES, BatchSnapshot, Failed
from jobs.states import State
from producer.watching.display import Events
from producer.watching.eta import Pace
from producer.watching.status import document
from tests.producer.watching.snapshots import (
    NOW_S,
    account,
    failed,
    mix,
    snapshot,
)


class Stream:
    """What a program reads."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events = Events(self.lines.append, lambda: NOW_S)

    def show(self, *nows: BatchSnapshot) -> None:
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
        "next_step": "Change its prompt or picture in failed.csv, beside the report, "
        "and run that: unchanged it is refused again.",
    }
    assert told[3]["reason"] == "no route"
    assert told[-1]["exit_code"] == 3
    assert told[-1]["state"] == "unresolved"


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
