"""A schedule may name a folder or a pattern; each firing hands over all of it."""

import os
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from producer.exits import CommandError, Exit
from producer.scheduler import manifests_at
from tests.conftest import Clock
from tests.producer.night import Night


@pytest.fixture
def night(simulated: Ledger, clock: Clock) -> Night:
    return Night(simulated, clock)


@pytest.fixture
def folder(night: Night, tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    night.add(cron="* * * * *", manifests=(str(folder),))
    return folder


def minute(night: Night) -> None:
    night.clock.forward(60)
    assert night.scheduler().tick() == 1


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("id\n")


def test_each_firing_hands_over_every_manifest_of_a_folder(
    night: Night, folder: Path
) -> None:
    put(folder, "b.csv", "a.YAML", ".hidden.csv", "c.csv.part", "mug.jpg", "notes.txt")
    put(folder, "failed.csv", "a.skipped.csv", "a.skipped-2.csv")
    (folder / "d.csv").mkdir()
    minute(night)
    assert night.manifests == ["a.YAML", "b.csv"]
    put(folder, "c.csv")
    minute(night)
    assert night.manifests[2:] == ["a.YAML", "b.csv", "c.csv"]
    batches = {handed.batch for firing in night.firings() for handed in firing.handed}
    assert batches == {"a", "b", "c"}
    assert night.told == []


def test_a_pattern_means_the_manifests_that_fit(night: Night, tmp_path: Path) -> None:
    night.add(cron="* * * * *", manifests=(str(tmp_path / "shop*.csv"),))
    minute(night)
    assert night.handed == []
    assert "there is no such manifest now" in night.firings()[0].warnings[0]
    put(tmp_path, "shop-2.csv", "shop-1.csv", "other.csv")
    minute(night)
    assert night.manifests == ["shop-1.csv", "shop-2.csv"]


def test_all_else_is_a_manifest_itself(tmp_path: Path) -> None:
    odd = tmp_path / "odd[1].csv"
    put(tmp_path, odd.name)
    for place in (odd, tmp_path / "not there", "s3://shop/pictures"):
        assert manifests_at(str(place)) == [str(place)]


def test_a_person_who_fires_in_vain_holds_nobody_up(night: Night, folder: Path) -> None:
    put(folder, "a.csv")
    night.trouble["a.csv"] = CommandError("out of reach", Exit.UNREACHABLE)
    standing = night.ledger.schedules.read("nightly")
    assert standing is not None
    night.clock.forward(60)
    assert night.scheduler("me@desk").fire_now(standing).again
    (record,) = night.firings()
    assert record.again == ""
    assert "not tried again before the next firing" in record.warnings[0]
    assert "it will be tried again" not in night.told[0].subject
    night.trouble.clear()
    # The claim is free at once, and what was due is still due.
    assert night.scheduler().tick() == 1
    assert night.manifests == ["a.csv"]


def test_a_name_that_is_not_utf_8_is_taken_and_said_escaped(
    night: Night, folder: Path
) -> None:
    good, bad = (os.fsdecode(b"\xe9-%s.csv" % word) for word in (b"good", b"bad"))
    put(folder, good, bad)
    night.trouble["bad.csv"] = CommandError(f"{bad}:2: oh")
    minute(night)
    refused, taken = night.firings()[0].handed
    assert refused.manifest == f"{folder}/\\udce9-bad.csv"
    assert refused.problems == ("\\udce9-bad.csv:2: oh",)
    assert (taken.manifest, taken.batch != "") == (f"{folder}/\\udce9-good.csv", True)
    (telling,) = night.told
    assert "udce9-bad.csv" in telling.subject
    telling.to_json().encode()
