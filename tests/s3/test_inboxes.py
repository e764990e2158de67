"""A prefix of a bucket as an inbox, on a real server."""

from pathlib import Path

import pytest

from jobs.storage import Store
from producer.exits import Exit, Stop
from producer.nightly.inboxes import complete, inbox_of, put_away, seen_again
from tests.s3.server import S3


def test_manifests_are_taken_from_a_bucket(
    store: Store, url: str, tmp_path: Path
) -> None:
    for key in ("a.csv", "a.csv.ready", "deep/b.csv", "taken/old.csv"):
        store.put_text(key, f"id\n{key}\n", "text/csv")
    inbox = inbox_of(url, tmp_path)
    stamps = inbox.stamps()
    assert set(stamps) == {"a.csv", "a.csv.ready"}
    assert complete({}, stamps, 100.0, 30.0) == ["a.csv"]
    copy = Path(inbox.fetch("a.csv"))
    assert (copy.name, copy.read_text()) == ("a.csv", "id\na.csv\n")
    put_away(inbox, "a.csv", 1_800_000_000.0)
    assert inbox.stamps() == {}
    assert store.get("taken/20270115T080000000000Z-a.csv") == b"id\na.csv\n"
    assert not copy.exists()


def test_a_new_content_is_a_new_stamp(store: Store, url: str, tmp_path: Path) -> None:
    inbox = inbox_of(f"{url}/", tmp_path)
    store.put_text("a.csv", "id\nmug\n", "text/csv")
    seen = seen_again({}, inbox.stamps(), 100.0)
    assert complete(seen, inbox.stamps(), 130.0, 30.0) == ["a.csv"]
    store.put_text("a.csv", "id\njug\n", "text/csv")
    assert complete(seen, inbox.stamps(), 130.0, 30.0) == []


def test_what_is_refused_lies_with_its_problems(
    store: Store, url: str, tmp_path: Path
) -> None:
    store.put_text("a.csv", "id\n", "text/csv")
    put_away(inbox_of(url, tmp_path), "a.csv", 1_800_000_000.0, ("a.csv:2: oh",))
    place = "refused/20270115T080000000000Z-a.csv"
    assert store.get(place) == b"id\n"
    assert store.get(f"{place}.problems.txt") == b"a.csv:2: oh\n"
    assert store.get("a.csv") is None


def test_a_bucket_that_is_not_there_is_said(s3: S3, tmp_path: Path) -> None:
    assert s3.url
    with pytest.raises(Stop, match="there is no such bucket") as stopped:
        inbox_of("s3://nobody-has-it/in", tmp_path).stamps()
    assert stopped.value.code is Exit.UNREACHABLE
