"""Night after night: only what is new is paid, whatever its address is tonight."""

import csv
import json
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from tests.producer.running import Desk, as_csv, desk, quick_sandbox, rows, until
from tests.sandbox.running import RunningSandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox() as running:
        yield running


@pytest.fixture
def place(sandbox: RunningSandbox) -> Iterator[Desk]:
    with desk(sandbox) as made:
        made.environment["BEFORE"] = json.dumps(bought(sandbox))
        yield made


def bought(sandbox: RunningSandbox) -> Counter[str]:
    """The prompts that were paid for, and how often each."""
    found = sandbox.books(rows=True)["rows"]
    return Counter(row["inputs"]["prompt"] for row in found)


def asked(sandbox: RunningSandbox, place: Desk) -> Counter[str]:
    """The prompts that were paid for since this desk was set up."""
    return bought(sandbox) - Counter(json.loads(place.environment["BEFORE"]))


def signed(table: list[dict[str, str]], night: int) -> str:
    """The rows with addresses that are signed anew every night."""
    for row in table:
        for column in ("image", "images"):
            if column in row:
                row[column] = row[column].partition("?")[0] + f"?signature={night}"
    return as_csv(table)


def newest(place: Desk) -> dict[str, object]:
    """The report that was written last."""
    found = max(place.store.glob("*/report.json"), key=lambda p: p.stat().st_mtime_ns)
    return dict(json.loads(found.read_text("utf-8")))


def states(place: Desk) -> Counter[str]:
    table = newest(place)["rows"]
    assert isinstance(table, list)
    return Counter(row["state"] for row in table)


def test_the_second_night_pays_exactly_for_the_new_rows(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = rows(sandbox, 44)
    place.run(place.write("monday.csv", signed(table[:40], 1)))
    assert asked(sandbox, place) == Counter(f"Slow orbit {n}" for n in range(40))
    tuesday = place.write("tuesday.csv", signed(table, 2))
    told = place.reelmill("price", tuesday, "--json").json()
    assert (told["videos"], told["reused"]) == (44, 40)
    ended = place.run(tuesday)
    assert ended.code == 0, ended
    assert asked(sandbox, place) == Counter(f"Slow orbit {n}" for n in range(44))
    assert states(place) == {"stored": 4, "reused": 40}
    cost = newest(place)["cost"]
    assert isinstance(cost, dict)
    assert cost["charged_usd"] == cost["estimated_usd"] == told["cost_usd"]
    # A third time there is nothing new, and nothing is asked for.
    assert place.run(tuesday).code == 0
    assert sum(asked(sandbox, place).values()) == 44


def test_an_interrupted_night_is_not_paid_again_by_the_next(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = rows(sandbox, 40, ["kling-v2.6-std"])
    limits = {"REELMILL_VIDEOS_PER_MINUTE": "10", "REELMILL_CONCURRENT_VIDEOS": "10"}
    monday = place.write("monday.csv", signed(table[:30], 1))
    begun = place.start("run", monday, "--yes", **limits)
    until(lambda: asked(sandbox, place))
    begun.send(signal.SIGINT)
    assert begun.ended().code == 3
    ended = place.run(place.write("tuesday.csv", signed(table[10:], 2)))
    assert ended.code == 0, ended
    prompts = asked(sandbox, place)
    assert set(prompts.values()) == {1}
    # What only Monday asks for is not rendered behind Tuesday's back, nor forgotten.
    wanted = {f"Slow orbit {n}" for n in range(10, 40)}
    assert wanted <= set(prompts)
    assert place.run(monday).code == 0
    assert asked(sandbox, place) == Counter(f"Slow orbit {n}" for n in range(40))


def test_a_new_picture_behind_an_old_address_is_a_new_video(
    sandbox: RunningSandbox, place: Desk
) -> None:
    for name in ("mug", "lamp"):
        copy(sandbox_picture(name), place.folder / f"{name}.jpg")
    text = "id,model,image,prompt\n" + "".join(
        f"{name},kling-v2.6-std,{name}.jpg,Slow orbit\n" for name in ("mug", "lamp")
    )
    manifest = place.write("local.csv", text)
    assert place.run(manifest).code == 0
    assert place.run(manifest).code == 0
    assert asked(sandbox, place) == {"Slow orbit": 2}
    copy(sandbox_picture("chair"), place.folder / "mug.jpg")
    assert place.run(manifest).code == 0
    assert asked(sandbox, place) == {"Slow orbit": 3}
    assert states(place) == {"stored": 1, "reused": 1}


def sandbox_picture(name: str) -> Path:
    with resources.as_file(resources.files("sandbox") / "samples" / f"{name}.jpg") as p:
        return p


def copy(picture: Path, to: Path) -> None:
    shutil.copy(picture, to)


def test_a_video_that_was_deleted_is_made_again(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = rows(sandbox, 3, ["kling-v2.6-std"])
    place.run(place.write("monday.csv", as_csv(table)))
    place.videos()[0].unlink()
    ended = place.run(place.write("tuesday.csv", as_csv(reversed(table))))
    assert ended.code == 0, ended
    assert states(place) == {"stored": 1, "reused": 2}
    assert sorted(asked(sandbox, place).values()) == [1, 1, 2]


def test_fresh_pays_for_all_of_it_again(sandbox: RunningSandbox, place: Desk) -> None:
    manifest = place.write("m.csv", as_csv(rows(sandbox, 2, ["kling-v2.6-std"])))
    assert place.run(manifest).code == 0
    assert place.run(manifest, "--fresh").code == 0
    assert set(asked(sandbox, place).values()) == {2}
    assert states(place) == {"stored": 2}


def test_rows_that_ask_for_the_same_twice_get_two_videos(
    sandbox: RunningSandbox, place: Desk
) -> None:
    (row,) = rows(sandbox, 1, ["kling-v2.6-std"])
    twice = [row, {**row, "id": "again"}]
    assert place.run(place.write("m.csv", as_csv(twice))).code == 0
    assert asked(sandbox, place) == {"Slow orbit 0": 2}
    assert place.run(place.write("n.csv", as_csv(twice[::-1]))).code == 0
    assert asked(sandbox, place) == {"Slow orbit 0": 2}


def test_what_failed_is_a_manifest_of_its_own(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = rows(sandbox, 4, ["kling-v2.6-std"])
    manifest = place.write("m.csv", as_csv(table))
    sandbox.configure(outcome_1200=1)
    try:
        one = place.write("one.csv", as_csv(table[1:2]))
        assert place.run(one).code == 1
    finally:
        sandbox.configure(outcome_1200=0)
    (failed,) = place.store.glob("*/failed.csv")
    with failed.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["id"], row["prompt"]) == ("r001", "Slow orbit 1")
    assert "sensitive" in row["reason"]
    batch = failed.parent.name
    mended = failed.read_text("utf-8").replace("Slow orbit", "Slower orbit")
    assert place.run(place.write("mended.csv", mended)).code == 0
    # Or the manifest itself is mended, and only what failed is asked for.
    table[1]["prompt"] = "Slowest orbit"
    place.write("m.csv", as_csv(table))
    assert place.run(manifest, "--only-failed", batch).code == 0
    assert asked(sandbox, place) == {
        "Slow orbit 1": 1,
        "Slower orbit 1": 1,
        "Slowest orbit": 1,
    }
    # What was stored before that is no longer what failed.
    assert place.reelmill("retry", batch).code == 0
    assert place.run(one).code == 0
    assert not failed.exists()


def test_what_was_refused_for_its_content_is_not_paid_again(
    sandbox: RunningSandbox, place: Desk
) -> None:
    table = rows(sandbox, 3, ["kling-v2.6-std"])
    sandbox.configure(outcome_1200=1)
    try:
        assert place.run(place.write("monday.csv", as_csv(table[:1]))).code == 1
    finally:
        sandbox.configure(outcome_1200=0)
    tuesday = place.write("tuesday.csv", as_csv(table))
    assert place.reelmill("price", tuesday, "--json").json()["cost_usd"] == "0.42"
    ended = place.run(tuesday)
    assert ended.code == 1
    assert states(place) == {"failed": 1, "stored": 2}
    assert set(asked(sandbox, place).values()) == {1}
    # A person may insist.
    (batch,) = (path.parent.name for path in place.store.glob("tuesday-*/report.json"))
    assert place.reelmill("retry", batch).code == 0
    assert place.run(tuesday).code == 0
    assert asked(sandbox, place)["Slow orbit 0"] == 2


def test_a_plain_run_does_not_pay_for_a_fresh_one_that_was_stopped(
    sandbox: RunningSandbox, place: Desk
) -> None:
    manifest = place.write("m.csv", as_csv(rows(sandbox, 2, ["kling-v2.6-std"])))
    assert place.run(manifest).code == 0
    assert place.run(manifest, "--fresh", "--budget", "0.21").code == 3
    assert place.run(manifest).code == 0
    assert sum(asked(sandbox, place).values()) == 3


def test_another_home_never_takes_the_place_of_a_paid_video(
    sandbox: RunningSandbox, place: Desk
) -> None:
    manifest = place.write("m.csv", as_csv(rows(sandbox, 1, ["kling-v2.6-std"])))
    assert place.run(manifest).code == 0
    elsewhere = {"REELMILL_HOME": str(place.folder / "another")}
    ended = place.run(manifest, **elsewhere)
    assert ended.code == 2
    assert "reelmill rebuild" in ended.err
    assert place.run(manifest, "--fresh-ledger", **elsewhere).code == 0
    assert len(place.videos()) == 2


def test_a_video_that_is_gone_from_its_own_batch_is_told(
    sandbox: RunningSandbox, place: Desk
) -> None:
    manifest = place.write("m.csv", as_csv(rows(sandbox, 2, ["kling-v2.6-std"])))
    assert place.run(manifest).code == 0
    place.videos()[0].unlink()
    assert "gone from the store: r000" in place.run(manifest).err
