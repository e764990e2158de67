"""Night after night: only what is new is paid, whatever its address is tonight."""

import csv
import shutil
import signal
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from tests.producer.fleet import Fleet, fleet
from tests.producer.running import (
    MODELS,
    Desk,
    Ended,
    as_csv,
    desk,
    furnished,
    quick_sandbox,
    rows,
    until,
)
from tests.sandbox.running import RunningSandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def team(sandbox: RunningSandbox) -> Iterator[Fleet]:
    """A worker that is at work all nights."""
    with fleet(sandbox) as made:
        made.start_worker()
        yield made


@pytest.fixture
def place(sandbox: RunningSandbox, team: Fleet) -> Desk:
    """A desk of its own, whose prompts nobody else has.

    Its folder goes with the fleet's: the fleet's workers write to it until they end.
    """
    made = furnished(Path(mkdtemp(prefix="rm", dir=team.desk.folder)), sandbox)
    name = "REELMILL_REDIS_URL"
    made.environment[name] = team.desk.environment[name]
    return made


@pytest.fixture
def alone(sandbox: RunningSandbox) -> Iterator[Desk]:
    """A desk that renders on its own machine."""
    with desk(sandbox, "another-key") as made:
        yield made


def table_of(
    sandbox: RunningSandbox,
    place: Desk,
    count: int,
    models: Iterable[str] = ("kling-v2.6-std",),
) -> list[dict[str, str]]:
    """So many rows with prompts of this desk alone."""
    made = rows(sandbox, count, models)
    return [row | {"prompt": f"{place.folder.name} {n}"} for n, row in enumerate(made)]


def night(place: Desk, manifest: Path, *words: str) -> Ended:
    """Hand a manifest over and await its end."""
    return place.here("submit", manifest, "--yes", "--wait", *words)


def asked(sandbox: RunningSandbox, place: Desk) -> Counter[str]:
    """What was paid for of this desk's prompts, and how often each."""
    prompts = [row["inputs"]["prompt"] for row in sandbox.books(rows=True)["rows"]]
    own = f"{place.folder.name} "
    return Counter(p.removeprefix(own) for p in prompts if p.startswith(own))


def each_once(count: int) -> Counter[str]:
    return Counter(map(str, range(count)))


def signed(table: list[dict[str, str]], night: int) -> str:
    """The rows with addresses that are signed anew every night."""
    for row in table:
        for column in ("image", "images"):
            if column in row:
                row[column] = row[column].partition("?")[0] + f"?signature={night}"
    return as_csv(table)


def newest(place: Desk) -> Any:
    """The report of the batch that was handed over last."""
    return place.here("report", "--json").json()


def states(place: Desk) -> Counter[str]:
    return Counter(row["state"] for row in newest(place)["rows"])


def test_the_second_night_pays_exactly_for_the_new_rows(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = table_of(sandbox, place, 24, MODELS)
    night(place, place.write("monday.csv", signed(table[:20], 1)))
    assert asked(sandbox, place) == each_once(20)
    tuesday = place.write("tuesday.csv", signed(table, 2))
    told = place.here("price", tuesday, "--json").json()
    assert (told["videos"], told["reused"]) == (24, 20)
    ended = night(place, tuesday)
    assert ended.code == 0, ended
    assert asked(sandbox, place) == each_once(24)
    assert states(place) == {"stored": 4, "reused": 20}
    cost = newest(place)["cost"]
    assert isinstance(cost, dict)
    assert cost["charged_usd"] == cost["estimated_usd"] == told["cost_usd"]
    # A third time there is nothing new, and nothing is asked for.
    assert night(place, tuesday).code == 0
    assert sum(asked(sandbox, place).values()) == 24


def test_an_interrupted_night_is_not_paid_again_by_the_next(
    sandbox: RunningSandbox, alone: Desk
) -> None:
    table = table_of(sandbox, alone, 40)
    limits = {"REELMILL_VIDEOS_PER_MINUTE": "10", "REELMILL_CONCURRENT_VIDEOS": "10"}
    monday = alone.write("monday.csv", signed(table[:30], 1))
    begun = alone.start("run", monday, "--yes", **limits)
    until(lambda: asked(sandbox, alone))
    begun.send(signal.SIGINT)
    assert begun.ended().code == 3
    ended = alone.run(alone.write("tuesday.csv", signed(table[10:], 2)))
    assert ended.code == 0, ended
    prompts = asked(sandbox, alone)
    assert set(prompts.values()) == {1}
    # What only Monday asks for is not rendered behind Tuesday's back, nor forgotten.
    assert set(map(str, range(10, 40))) <= set(prompts)
    assert alone.run(monday).code == 0
    assert asked(sandbox, alone) == each_once(40)


def test_a_new_picture_behind_an_old_address_is_a_new_video(
    sandbox: RunningSandbox, place: Desk
) -> None:
    for name in ("mug", "lamp"):
        copy(sandbox_picture(name), place.folder / f"{name}.jpg")
    prompt = f"{place.folder.name} turn"
    text = "id,model,image,prompt\n" + "".join(
        f"{name},kling-v2.6-std,{name}.jpg,{prompt}\n" for name in ("mug", "lamp")
    )
    manifest = place.write("local.csv", text)
    assert night(place, manifest).code == 0
    assert night(place, manifest).code == 0
    assert asked(sandbox, place) == {"turn": 2}
    copy(sandbox_picture("chair"), place.folder / "mug.jpg")
    assert night(place, manifest).code == 0
    assert asked(sandbox, place) == {"turn": 3}
    assert states(place) == {"stored": 1, "reused": 1}


def sandbox_picture(name: str) -> Path:
    with resources.as_file(resources.files("sandbox") / "samples" / f"{name}.jpg") as p:
        return p


def copy(picture: Path, to: Path) -> None:
    shutil.copy(picture, to)


def test_a_video_that_was_deleted_is_made_again(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = table_of(sandbox, place, 3)
    monday = place.write("monday.csv", as_csv(table))
    night(place, monday)
    place.videos()[0].unlink()
    assert "gone from the store: r000" in night(place, monday).err
    ended = night(place, place.write("tuesday.csv", as_csv(reversed(table))))
    assert ended.code == 0, ended
    assert states(place) == {"stored": 1, "reused": 2}
    assert sorted(asked(sandbox, place).values()) == [1, 1, 2]


def test_fresh_pays_for_all_of_it_again(sandbox: RunningSandbox, place: Desk) -> None:
    manifest = place.write("m.csv", as_csv(table_of(sandbox, place, 2)))
    assert night(place, manifest).code == 0
    assert night(place, manifest, "--fresh").code == 0
    assert set(asked(sandbox, place).values()) == {2}
    assert states(place) == {"stored": 2}


def test_rows_that_ask_for_the_same_twice_get_two_videos(
    sandbox: RunningSandbox, place: Desk
) -> None:
    (row,) = table_of(sandbox, place, 1)
    twice = [row, {**row, "id": "again"}]
    assert night(place, place.write("m.csv", as_csv(twice))).code == 0
    assert asked(sandbox, place) == {"0": 2}
    assert night(place, place.write("n.csv", as_csv(twice[::-1]))).code == 0
    assert asked(sandbox, place) == {"0": 2}


def test_what_failed_is_a_manifest_of_its_own(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = table_of(sandbox, place, 4)
    manifest = place.write("m.csv", as_csv(table))
    sandbox.configure(outcome_1200=1)
    try:
        one = place.write("one.csv", as_csv(table[1:2]))
        assert night(place, one).code == 1
    finally:
        sandbox.configure(outcome_1200=0)
    (failed,) = until(lambda: list(place.store.glob("*/failed.csv")))
    with failed.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["id"], row["prompt"]) == ("r001", table[1]["prompt"])
    assert "sensitive" in row["reason"]
    batch = failed.parent.name
    mended = failed.read_text("utf-8").replace(row["prompt"], f"{row['prompt']} mended")
    assert night(place, place.write("mended.csv", mended)).code == 0
    # Or the manifest itself is mended, and only what failed is asked for.
    table[1]["prompt"] += " mended again"
    place.write("m.csv", as_csv(table))
    assert night(place, manifest, "--only-failed", batch).code == 0
    assert asked(sandbox, place) == {
        "1": 1,
        "1 mended": 1,
        "1 mended again": 1,
    }
    # What was stored before that is no longer what failed.
    assert place.here("retry", batch, "--yes").code == 0
    assert night(place, one).code == 0
    until(lambda: not failed.exists())


def test_what_was_refused_for_its_content_is_not_paid_again(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = table_of(sandbox, place, 3)
    sandbox.configure(outcome_1200=1)
    try:
        assert night(place, place.write("monday.csv", as_csv(table[:1]))).code == 1
    finally:
        sandbox.configure(outcome_1200=0)
    tuesday = place.write("tuesday.csv", as_csv(table))
    assert place.here("price", tuesday, "--json").json()["cost_usd"] == "0.42"
    ended = night(place, tuesday)
    assert ended.code == 1
    # It is a new batch, and is said to be one.
    assert "not sent, because the provider refused the same request" in ended.err
    assert "going on" not in ended.err
    assert states(place) == {"failed": 1, "stored": 2}
    assert set(asked(sandbox, place).values()) == {1}
    # A person may insist.
    (batch,) = (path.parent.name for path in place.store.glob("tuesday-*/report.json"))
    assert place.here("retry", batch, "--yes").code == 0
    assert night(place, tuesday).code == 0
    assert asked(sandbox, place)["0"] == 2


def test_a_plain_run_does_not_pay_for_a_fresh_one_that_was_stopped(
    sandbox: RunningSandbox, place: Desk
) -> None:
    manifest = place.write("m.csv", as_csv(table_of(sandbox, place, 2)))
    assert night(place, manifest).code == 0
    assert night(place, manifest, "--fresh", "--budget", "0.21").code == 3
    assert night(place, manifest).code == 0
    assert sum(asked(sandbox, place).values()) == 3


def test_another_home_never_takes_the_place_of_a_paid_video(
    sandbox: RunningSandbox, place: Desk
) -> None:
    manifest = place.write("m.csv", as_csv(table_of(sandbox, place, 1)))
    assert night(place, manifest).code == 0
    another = str(place.folder / "another")
    elsewhere = {"REELMILL_HOME": another, "REELMILL_REDIS_URL": None}
    ended = place.here("run", manifest, "--yes", **elsewhere)
    assert ended.code == 2
    assert "reelmill rebuild" in ended.err
    assert place.run(manifest, "--fresh-ledger", **elsewhere).code == 0
    assert len(place.videos()) == 2
