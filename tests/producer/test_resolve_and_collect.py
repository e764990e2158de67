"""`show`, `resolve`, `collect` and `report --billed`, as a person uses them."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from producer.exits import Exit
from tests.producer.running import Desk, as_csv, desk, quick_sandbox, rows, until
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import sandbox_ahead

MULTI = ["kling-v1.6-multi"]
V26 = ["kling-v2.6-std"]

#: A lost answer is soon settled, or soon known not to be.
SETTLES_QUICKLY = {
    "REELMILL_SETTLING_S": "3",
    "REELMILL_SUBMIT_TIMEOUT_S": "2",
    "REELMILL_LEASE_S": "2",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.2) as running:
        yield running


@pytest.fixture
def calm(sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """The sandbox as it was at first; what a test sets is taken back."""
    before = sandbox.configure()
    yield sandbox
    sandbox.configure(**before)


def refusal(place: Desk, *words: str) -> str:
    """The sentence that a command stops with."""
    said = place.here(*words)
    assert said.code in (Exit.USAGE, Exit.UNREACHABLE), said
    return said.err


def batch_of(place: Desk) -> str:
    (path,) = (p for p in place.store.iterdir() if not p.name.startswith("."))
    return path.name


def shown(place: Desk) -> dict[str, dict[str, Any]]:
    """Every job of the newest batch by its id."""
    return {job["id"]: job for job in place.here("show", "--json").json()}


def sheet(sandbox: RunningSandbox, before: dict[str, Any]) -> dict[str, int]:
    """What the books say since then."""
    now = sandbox.books()
    counted = ("predictions", "charged_usd_micros", "refunded_usd_micros")
    return {name: now[name] - before[name] for name in counted}


def test_a_person_settles_what_cannot_be_told_by_looking(
    calm: RunningSandbox,
) -> None:
    before = calm.books()
    with desk(calm, "settling", **SETTLES_QUICKLY) as place:
        manifest = place.write("cups.csv", as_csv(rows(calm, 3, MULTI)))
        calm.configure(submit_drop_before="first 1", submit_drop_after="first 1")
        stopped = place.run(manifest)
        assert stopped.code == 3
        assert "2 of 3 left" in stopped.err
        assert "reelmill show" in stopped.err
        assert sheet(calm, before)["predictions"] == 2

        jobs = shown(place).values()
        stored = next(job for job in jobs if job["state"] == "stored")
        first, second = (job for job in jobs if job["state"] == "unresolved")
        (candidate,) = first["candidates"]
        assert [candidate] == second["candidates"]
        batch, made = batch_of(place), candidate["prediction_id"]
        words = place.here("show", batch, first["id"]).out
        the_candidate_is_shown(words, f"{batch} {first['id']}", candidate, calm)
        assert "reelmill resolve" not in place.here("show", batch, stored["id"]).out
        what_cannot_be_is_refused(place, batch, first["id"], stored, made)

        adopted = place.here("resolve", batch, first["id"], "--adopt", made)
        assert adopted.code == 0, adopted.err
        assert f"prediction {made} belongs to {first['id']} now" in adopted.err
        taken = place.here("resolve", batch, second["id"], "--adopt", made)
        assert taken.code == 2
        assert f"belongs to {batch}/{first['id']} already" in taken.err

        absent = place.here("resolve", batch, second["id"], "--absent")
        assert absent.code == 0
        assert f"{second['id']} will be sent again" in absent.err
        ended = place.run(manifest)
        assert ended.code == 0, ended.err
        assert sheet(calm, before) == {
            "predictions": 3,
            "charged_usd_micros": 750_000,
            "refunded_usd_micros": 0,
        }
        assert place.report()["cost"]["charged_usd"] == "0.75"
        assert len({row["prediction_id"] for row in place.report()["rows"]}) == 3


def the_candidate_is_shown(
    words: str, job: str, candidate: dict[str, Any], sandbox: RunningSandbox
) -> None:
    made = candidate["prediction_id"]
    (line,) = (line for line in words.splitlines() if "candidate" in line)
    for part in (made, candidate["status"], candidate["created_at"]):
        assert part in line
    assert "kwaivgi/kling-v1.6-multi-i2v-standard" in line
    assert f"{sandbox.url}/api/v3/predictions/{made}/result" in line
    assert f"reelmill resolve {job} --adopt PREDICTION" in words
    assert f"reelmill resolve {job} --absent" in words


def what_cannot_be_is_refused(
    place: Desk, batch: str, job: str, stored: dict[str, Any], made: str
) -> None:
    """Nothing is changed by a command that makes no sense."""

    def refused(job: str, *words: str) -> str:
        return " ".join(refusal(place, "resolve", batch, job, *words).split())

    belongs = f"belongs to {batch}/{stored['id']} already"
    assert "is no id of a prediction" in refused(job, "--adopt", "no/id")
    assert "the provider knows no prediction 0123" in refused(job, "--adopt", "0123")
    assert belongs in refused(job, "--adopt", stored["prediction_id"])
    assert "is stored; there is nothing" in refused(stored["id"], "--absent")
    assert "has no job nobody" in refused("nobody", "--absent")
    ours = place.environment["WAVESPEED_API_KEY"]
    place.environment["WAVESPEED_API_KEY"] = "another"
    assert f"{batch} belongs to account" in refused(job, "--adopt", made)
    place.environment["WAVESPEED_API_KEY"] = ours
    assert shown(place)[job]["state"] == "unresolved"


def test_collect_fetches_what_is_paid_and_starts_nothing(
    calm: RunningSandbox,
) -> None:
    before = calm.books()
    with desk(calm, "collecting") as place:
        manifest = place.write("cups.csv", as_csv(rows(calm, 5, V26)))
        calm.configure(download_5xx=1)
        three = {"REELMILL_VIDEOS_PER_MINUTE": "3"}
        begun = place.start("run", manifest, "--yes", **three)
        until(lambda: calm.books()["answers"].get("503", 0) >= 3)
        begun.send(signal.SIGINT)
        assert begun.ended().code == 3
        assert place.videos() == []

        foreign = place.here("collect", WAVESPEED_API_KEY="another")
        assert foreign.code == 2
        assert "belongs to account" in foreign.err

        calm.configure(download_5xx=0)
        collected = place.reelmill("collect")
        assert collected.code == 3, collected.err
        assert len(place.videos()) == 3
        assert sheet(calm, before)["predictions"] == 3
        states = [job["state"] for job in shown(place).values()]
        assert sorted(states) == ["stored"] * 3 + ["waiting"] * 2
        assert "run the manifest to go on" in collected.err


def test_the_billing_is_compared_row_by_row_by_the_clock_of_the_provider() -> None:
    def billed(*words: str) -> str:
        said = place.here("report", "--billed", *words)
        return said.out + said.err

    settings = {"tier": "ultra", "quality": "small", "generation_s": 0.2}
    with sandbox_ahead(900, **settings) as ahead, desk(ahead) as place:
        ahead.configure(outcome_5000="first 1", stranger="first 2", page_cap=2)
        first = place.write("cups.csv", as_csv(rows(ahead, 4, V26)))
        assert place.run(first).code == 0
        batch = batch_of(place)
        ahead.configure(stranger=0)
        bags = [{**row, "prompt": f"Bag {row['id']}"} for row in rows(ahead, 3, V26)]
        second = place.write("bags.csv", as_csv(bags))
        assert place.run(second).code == 0

        document = place.here("report", batch, "--billed", "--json").json()
        invoice = document["invoice"]
        assert invoice["billed_usd"] == "1.05"
        assert invoice["billed_refunded_usd"] == "0.21"
        assert invoice["billed_net_usd"] == document["cost"]["net_usd"]
        assert invoice["differences"] == []
        assert [u["billed_usd"] for u in invoice["unexplained"]] == ["0.21"] * 2
        assert billed(batch).count("unexplained: $0.21 at") == 2

        # Of the second batch nothing differs, and nothing of the first is told.
        assert "billed $0.63, refunded $0.00, net $0.63" in billed()

        ahead.configure(billing_lag_s=3_600.0)
        assert billed().count("charge not billed, or not yet") == 3

        ahead.configure(billing_5xx=1)
        silent = refusal(place, "report", "--billed")
        assert "the provider does not say" in silent
