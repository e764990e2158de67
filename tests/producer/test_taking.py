"""What is dropped into an inbox is handed over once and put away."""

import os
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from producer.exits import Exit, Stop
from producer.nightly.firing import Refused
from producer.nightly.rounds import Scheduler
from tests.conftest import Clock
from tests.producer.nightly import Night


@pytest.fixture
def night(simulated: Ledger, clock: Clock, tmp_path: Path) -> Night:
    return Night(simulated, clock, tmp_path / "home")


@pytest.fixture
def inbox(night: Night, tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    night.add(cron="* * * * *", inbox=True, manifests=(str(folder),))
    return folder


def minutes(night: Night, count: int, scheduler: Scheduler | None = None) -> None:
    """Let so many minutes pass."""
    several = [scheduler] if scheduler else [night.scheduler(n) for n in ("1@a", "2@b")]
    for number in range(6 * count):
        night.clock.forward(10)
        several[number % len(several)].tick()


def test_what_is_dropped_is_taken_once_and_put_away(night: Night, inbox: Path) -> None:
    minutes(night, 2)
    assert (night.handed, night.firings()) == ([], [])
    (inbox / "a.csv").write_text("id\n")
    (inbox / "picture.jpg").write_text("no manifest")
    minutes(night, 3)
    assert night.manifests == ["a.csv"]
    (firing,) = night.firings()
    assert firing.handed[0].manifest == str(inbox / "a.csv")
    names = {str(p.relative_to(inbox)) for p in inbox.rglob("*") if p.is_file()}
    (taken,) = names - {"picture.jpg"}
    assert taken.startswith("taken/20270115T08")
    assert taken.endswith("Z-a.csv")


def test_what_still_grows_is_left_alone(night: Night, inbox: Path) -> None:
    def grow() -> None:
        with (inbox / "a.csv").open("a") as file:
            file.write("more\n")

    scheduler = night.scheduler()
    for _ in range(30):
        grow()
        night.clock.forward(10)
        scheduler.tick()
    assert night.handed == []
    minutes(night, 2, scheduler)
    assert night.manifests == ["a.csv"]


def test_a_mark_beside_it_hurries_a_file(night: Night, inbox: Path) -> None:
    (inbox / "a.csv").write_text("id\n")
    (inbox / "a.csv.ready").touch()
    night.clock.forward(60)
    night.scheduler().tick()
    assert night.manifests == ["a.csv"]
    assert [p.name for p in inbox.iterdir()] == ["taken"]


def test_what_is_refused_is_put_away_with_its_problems(
    night: Night, inbox: Path
) -> None:
    night.trouble["bad.csv"] = Refused(("bad.csv:2: oh",))
    (inbox / "bad.csv").write_text("id\n")
    (inbox / "bad.csv.ready").touch()
    minutes(night, 2)
    (told,) = inbox.glob("refused/*Z-bad.csv.problems.txt")
    assert told.read_text() == "bad.csv:2: oh\n"
    assert len(list(inbox.glob("refused/*Z-bad.csv"))) == 1
    assert len(night.told) == 1


def test_a_crash_before_it_is_put_away_hands_it_over_again(
    night: Night, inbox: Path
) -> None:
    (inbox / "a.csv").write_text("id\n")
    (inbox / "a.csv.ready").touch()
    (inbox / "taken").write_text("in the way")
    minutes(night, 2)
    assert set(night.manifests) == {"a.csv"}
    assert "cannot be moved" in night.again()
    assert len({telling.id for telling in night.told}) == 1
    (inbox / "taken").unlink()
    minutes(night, 2)
    assert [p.name for p in inbox.iterdir()] == ["taken"]
    # The same content is the same batch.
    assert night.ledger.batches.ids() == ["a"]


def test_what_is_written_anew_meanwhile_stays(night: Night, inbox: Path) -> None:
    (inbox / "a.csv").write_text("id\n")
    (inbox / "a.csv.ready").touch()
    night.at_hand_over = lambda: (inbox / "a.csv").write_text("id\nmug\n")
    night.clock.forward(60)
    night.scheduler().tick()
    assert (inbox / "a.csv").read_text() == "id\nmug\n"


def test_an_inbox_that_is_gone_is_said_once_a_day(night: Night, inbox: Path) -> None:
    inbox.rmdir()
    minutes(night, 5)
    assert len({telling.id for telling in night.told}) == 1
    inbox.mkdir()
    (inbox / "a.csv").write_text("id\n")
    minutes(night, 3)
    assert night.manifests == ["a.csv"]


def drop(inbox: Path, *names: str) -> None:
    """Complete manifests, to be taken at once."""
    for name in names:
        (inbox / name).write_text("id\n")
        (inbox / f"{name}.ready").touch()


def test_what_is_written_anew_while_others_are_taken_waits_for_the_next_time(
    night: Night, inbox: Path
) -> None:
    drop(inbox, "a.csv", "b.csv")
    night.at_hand_over = lambda: (inbox / "b.csv").write_text("id\nhalf a r")
    night.clock.forward(60)
    night.scheduler().tick()
    assert night.manifests == ["a.csv"]
    assert (inbox / "b.csv").read_text() == "id\nhalf a r"
    night.clock.forward(60)
    night.at_hand_over = lambda: None
    night.scheduler().tick()
    assert night.manifests == ["a.csv", "b.csv"]
    assert [p.name for p in inbox.iterdir()] == ["taken"]


def test_a_name_that_is_not_utf_8_is_taken_and_said_escaped(
    night: Night, inbox: Path
) -> None:
    good, bad = (os.fsdecode(b"\xe9-%s.csv" % word) for word in (b"good", b"bad"))
    drop(inbox, good, bad)
    night.trouble["bad.csv"] = Refused((f"{bad}:2: oh",))
    minutes(night, 2)
    refused, taken = night.firings()[0].handed
    assert refused.manifest == f"{inbox}/\\udce9-bad.csv"
    assert refused.problems == ("\\udce9-bad.csv:2: oh",)
    assert (taken.manifest, taken.batch != "") == (f"{inbox}/\\udce9-good.csv", True)
    assert {p.name for p in inbox.iterdir()} == {"taken", "refused"}
    (telling,) = night.told
    assert "udce9-bad.csv" in telling.subject
    telling.to_json().encode()


def test_one_file_that_cannot_be_moved_keeps_no_other_back(
    night: Night, inbox: Path
) -> None:
    drop(inbox, "a.csv", "b.csv")
    (inbox / "refused").write_text("in the way")
    night.trouble["a.csv"] = Refused(("a.csv:2: oh",))
    minutes(night, 2)
    assert night.manifests == ["b.csv"]
    assert "cannot be written" in night.again()
    assert {p.name for p in inbox.glob("*.csv")} == {"a.csv"}


def test_a_mistake_of_ours_with_one_file_keeps_no_other_back(
    night: Night, inbox: Path
) -> None:
    drop(inbox, "a.csv", "b.csv")
    night.trouble["a.csv"] = ZeroDivisionError("oh")
    night.clock.forward(60)
    night.scheduler().tick()
    assert night.manifests == ["b.csv"]
    assert night.again().startswith("a.csv: a mistake in reelmill: ZeroDivisionError")


def test_an_inbox_that_goes_away_meanwhile_ends_its_firing(
    night: Night, inbox: Path
) -> None:
    drop(inbox, "a.csv", "b.csv")
    elsewhere = inbox.with_name("elsewhere")
    night.at_hand_over = lambda: inbox.rename(elsewhere)
    night.clock.forward(60)
    night.scheduler().tick()
    assert night.manifests == ["a.csv"]
    assert (
        night.again()
        == f"the inbox {inbox}: it cannot be listed (No such file or directory)"
    )


def test_a_person_who_fires_an_inbox_in_vain_holds_nobody_up(
    night: Night, inbox: Path
) -> None:
    drop(inbox, "a.csv")
    night.trouble["a.csv"] = Stop("out of reach", Exit.UNREACHABLE)
    standing = night.ledger.schedules.read("nightly")
    assert standing is not None
    night.clock.forward(60)
    assert night.scheduler("me@desk").fire_now(standing).again
    (record,) = night.firings()
    assert record.again == ""
    assert "not tried again before the next firing" in record.warnings[0]
    assert "it is tried again" not in night.told[0].subject
    night.trouble.clear()
    # The claim is free at once, and what was due is still due.
    assert night.scheduler().tick() == 1
    assert night.manifests == ["a.csv"]
