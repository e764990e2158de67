"""A file in an inbox is taken once nobody writes to it any more."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.exits import Exit, Stop
from producer.nightly.inboxes import (
    FolderInbox,
    complete,
    inbox_of,
    put_away,
    seen_again,
)

STILL_S = 30.0

names = st.sampled_from(["a.csv", "b.yaml", "c.jpg", ".d.csv", "e.csv.ready"])
looks = st.lists(
    st.tuples(
        st.dictionaries(names, st.sampled_from(["1", "2"])), st.floats(0.5, 60.0)
    ),
    min_size=1,
    max_size=6,
)


@given(looks)
def test_complete_is_what_looked_the_same_for_long_enough(
    looks: list[tuple[dict[str, str], float]],
) -> None:
    seen: dict[str, tuple[str, float]] = {}
    now_s = 1_000.0
    history: list[tuple[float, dict[str, str]]] = []
    for stamps, passed_s in looks:
        now_s += passed_s
        found = complete(seen, stamps, now_s, STILL_S)
        for name in found:
            before = [s for at_s, s in history if now_s - at_s <= STILL_S]
            older = [s for at_s, s in history if now_s - at_s >= STILL_S]
            assert name in {"a.csv", "b.yaml"}
            assert f"{name}.ready" in stamps or (
                older
                and older[-1].get(name) == stamps[name]
                and all(s.get(name) == stamps[name] for s in before)
            )
        seen = seen_again(seen, stamps, now_s)
        history.append((now_s, stamps))


def test_a_file_is_complete_after_two_looks_that_are_far_enough_apart() -> None:
    seen = seen_again({}, {"a.csv": "10-1"}, 100.0)
    assert complete(seen, {"a.csv": "10-1"}, 129.0, STILL_S) == []
    assert complete(seen, {"a.csv": "10-1"}, 130.0, STILL_S) == ["a.csv"]
    assert complete(seen, {"a.csv": "12-2"}, 130.0, STILL_S) == []
    seen = seen_again(seen, {"a.csv": "12-2"}, 130.0)
    assert complete(seen, {"a.csv": "12-2"}, 131.0, STILL_S) == []


def test_a_file_with_its_mark_is_complete_at_once() -> None:
    stamps = {"a.csv": "10-1", "a.csv.ready": "0-1", "b.csv": "10-1"}
    assert complete({}, stamps, 100.0, STILL_S) == ["a.csv"]


def test_a_file_that_is_written_to_looks_different(tmp_path: Path) -> None:
    inbox = inbox_of(str(tmp_path), tmp_path / "home")
    (tmp_path / "a.csv").write_text("id\n")
    (tmp_path / "taken").mkdir()
    before = inbox.stamps()
    assert set(before) == {"a.csv"}
    (tmp_path / "a.csv").write_text("id\nmug\n")
    assert inbox.stamps() != before


def test_what_is_dealt_with_is_put_away(tmp_path: Path) -> None:
    inbox = FolderInbox(str(tmp_path))
    for name in ("good.csv", "good.csv.ready", "bad.csv"):
        (tmp_path / name).write_text(name)
    put_away(inbox, "good.csv", 1_800_000_000.5)
    put_away(inbox, "bad.csv", 1_800_000_000.5, ("bad.csv:2: oh", "bad.csv:3: no"))
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    at = "20270115T080000500000Z"
    assert left == {
        f"taken/{at}-good.csv",
        f"refused/{at}-bad.csv",
        f"refused/{at}-bad.csv.problems.txt",
    }
    told = tmp_path / "refused" / f"{at}-bad.csv.problems.txt"
    assert told.read_text() == "bad.csv:2: oh\nbad.csv:3: no\n"


def test_an_inbox_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Stop, match="cannot be listed") as stopped:
        FolderInbox(str(tmp_path / "gone")).stamps()
    assert stopped.value.code is Exit.UNREACHABLE


def test_what_cannot_be_moved_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id\n")
    (tmp_path / "taken").write_text("in the way")
    with pytest.raises(Stop, match="cannot be moved"):
        put_away(FolderInbox(str(tmp_path)), "a.csv", 1.0)
    assert (tmp_path / "a.csv").exists()


def test_a_link_to_itself_hides_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "a.csv").write_text("id\n")
    assert set(FolderInbox(str(tmp_path)).stamps()) == {"a.csv"}


def test_a_pipe_is_seen_and_a_folder_is_not(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    assert set(FolderInbox(str(tmp_path)).stamps()) == {"a.csv"}


@given(st.sampled_from(["z", "é", "\udce9", "字"]), st.sampled_from(["", "oh"]))
def test_the_longest_names_are_put_away(char: str, problem: str) -> None:
    with TemporaryDirectory() as folder:
        inbox = FolderInbox(folder)
        fitting = (255 - len("1.csv")) // len(os.fsencode(char)) * char
        for number in (1, 2):
            name = f"{fitting}{number}.csv"
            (Path(folder) / name).write_text("id\n")
            put_away(inbox, name, 1.0, (problem,) if problem else ())
        assert inbox.stamps() == {}
        away = [p.name for p in Path(folder).rglob("*.csv")]
        assert len(away) == 2
        assert all(char * 20 in name for name in away)


def test_a_name_that_fits_is_kept_whole(tmp_path: Path) -> None:
    name = "z" * 196 + ".csv"
    (tmp_path / name).write_text("id\n")
    put_away(FolderInbox(str(tmp_path)), name, 1.0)
    (away,) = (tmp_path / "taken").iterdir()
    assert away.name.endswith(f"Z-{name}")
