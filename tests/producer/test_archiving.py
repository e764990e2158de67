"""Archived batches as a person meets them: listed, brought back, not paid again."""

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.producer.running import Desk, Ended, as_csv, desk, quick_sandbox, rows
from tests.sandbox.running import RunningSandbox

V26 = ["kling-v2.6-std"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with quick_sandbox(generation_s=0.1) as running:
        yield running


@pytest.fixture
def place(sandbox: RunningSandbox) -> Iterator[Desk]:
    with desk(sandbox, "archiving") as opened:
        yield opened


def rendered(place: Desk, sandbox: RunningSandbox) -> str:
    """A batch of two that is rendered; its id."""
    manifest = place.write("cups.csv", as_csv(rows(sandbox, 2, V26)))
    assert place.run(manifest).code == 0
    return str(listed(place)[0]["batch"])


def listed(place: Desk) -> list[dict[str, object]]:
    found: list[dict[str, object]] = place.here("list", "--json").json()
    return found


def again(place: Desk) -> Ended:
    return place.run(place.folder / "cups.csv")


def test_a_batch_goes_to_its_store_and_comes_back_for_whoever_needs_it(
    place: Desk, sandbox: RunningSandbox
) -> None:
    batch = rendered(place, sandbox)
    jobs = place.here("show", batch, "--json").json()
    report = (place.store / batch / "report.json").read_text("utf-8")

    done = place.here("archive", batch)
    assert done.code == 0, done.err
    (file,) = (place.store / batch).glob("ledger-*.jsonl.gz")
    assert f"{batch}: 2 jobs archived as {file}" in done.err
    assert [each["archived"] for each in listed(place)] == [True]
    assert "archived" in place.here("list").out
    assert place.here("watch", batch).code != 0  # nothing is rendered in this home
    assert place.here("pause", batch).code == 0
    assert place.here("resume", batch).code == 0

    shown = place.here("show", batch, "--json")
    assert shown.err == f"bringing back 2 jobs of {batch} from its archive\n"
    assert shown.json() == jobs
    assert listed(place)[0]["archived"] is False

    # Once more, by its age; nothing else is touched by that.
    everyone = place.here("archive", "--older-than", "0h", "--json")
    assert [each["batch"] for each in everyone.json()] == [batch]
    assert json.loads(report)["cost"] == place.report()["cost"]
    none = place.here("archive", "--older-than", "1h")
    assert (none.code, "no batch is over" in none.err) == (0, True)


def test_the_same_manifest_again_is_neither_rendered_nor_paid_again(
    place: Desk, sandbox: RunningSandbox
) -> None:
    batch = rendered(place, sandbox)
    assert place.here("archive", batch).code == 0
    before = sandbox.books()["predictions"]
    ended = again(place)
    assert ended.code == 0, ended.err
    assert f"bringing back 2 jobs of {batch} from its archive" in ended.err
    assert sandbox.books()["predictions"] == before
    # The same rows under another name take the same videos, archived or not.
    assert place.here("archive", batch).code == 0
    other = place.write("more.csv", (place.folder / "cups.csv").read_text("utf-8"))
    assert place.run(other).code == 0
    assert sandbox.books()["predictions"] == before
    assert len(listed(place)) == 2


def test_a_missing_archive_is_named_and_nothing_is_paid(
    place: Desk, sandbox: RunningSandbox
) -> None:
    batch = rendered(place, sandbox)
    assert place.here("archive", batch).code == 0
    (file,) = (place.store / batch).glob("ledger-*.jsonl.gz")
    kept = file.with_name("kept")
    shutil.move(file, kept)
    before = sandbox.books()["predictions"]
    for ended in (
        again(place),
        place.here("show", batch),
        place.here("report", batch),
        place.here("retry", batch, "--yes"),
    ):
        assert ended.code == 3, ended.err
        assert f"{file} is missing; it holds 2 jobs" in ended.err
        assert "Nothing was sent" in ended.err
    assert sandbox.books()["predictions"] == before
    shutil.move(kept, file)
    assert again(place).code == 0
    assert sandbox.books()["predictions"] == before


def test_what_cannot_be_archived_says_why(place: Desk, sandbox: RunningSandbox) -> None:
    for words, said in (
        ((), "not both or neither"),
        (("x", "--older-than", "1d"), "not both or neither"),
        (("--older-than", "soon"), "write it as 12h, 30d or 8w"),
        (("nothing-here",), "there is no batch nothing-here"),
    ):
        ended = place.here("archive", *words)
        assert (ended.code, said in ended.err) == (2, True), ended.err
    manifest = place.write("cups.csv", as_csv(rows(sandbox, 2, V26)))
    assert place.run(manifest, "--budget", "0.21").code == 3
    (batch,) = (each["batch"] for each in listed(place))
    ended = place.here("archive", batch)
    assert (ended.code, ended.out) == (3, "")
    assert f"{batch} is not archived: not all of it is over" in ended.err
