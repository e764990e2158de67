"""From a manifest to a batch, with a real ledger."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import catalogue, settings
from jobs.ledger import Ledger
from jobs.limits import Limits
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State
from producer.batching import MOST_PROBLEMS, Share, Survey, batch_id, enqueue, survey
from producer.exits import Stop
from producer.reading import Options

KNOWN = catalogue.builtin()
ROW = "{id},kling-v2.6-std,https://example.com/mug.jpg,Slow orbit,{duration}\n"


def manifest(folder: Path, *ids: str, duration: int = 5) -> Path:
    rows = "".join(ROW.format(id=each, duration=duration) for each in ids)
    path = folder / "products.csv"
    path.write_text(f"id,model,image,prompt,duration\n{rows}")
    return path


def surveyed(path: Path, **options: Any) -> Survey:
    return survey(path, Options(**options), KNOWN)


def chosen(home: Path, **changes: Any) -> Settings:
    values = {"home": home, "store": str(home / "videos"), "account": "shop"}
    return settings.read({}, **(values | changes))


def enqueued(
    ledger: Ledger, found: Survey, wanted: Settings, budget: int | None = None
) -> BatchRecord:
    return enqueue(
        ledger,
        found,
        Options(),
        KNOWN,
        wanted,
        budget_usd_micros=budget,
        priority=1,
        now_s=1.0,
    )


def test_a_survey_counts_and_prices_by_model_and_duration(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a", "b")
    with path.open("a") as file:
        file.write(ROW.format(id="c", duration=10))
    found = surveyed(path)
    assert found.jobs == 3
    assert found.problem_count == 0
    assert found.shares == {
        ("kling-v2.6-std", 5): Share(jobs=2, price_usd_micros=420_000),
        ("kling-v2.6-std", 10): Share(jobs=1, price_usd_micros=420_000),
    }
    assert found.price_usd_micros == 840_000


def test_problems_are_counted_beyond_those_that_are_kept(tmp_path: Path) -> None:
    ids = [f"r{number}" for number in range(MOST_PROBLEMS + 5)]
    found = surveyed(manifest(tmp_path, *ids, duration=7))
    assert found.jobs == 0
    assert len(found.problems) == MOST_PROBLEMS
    assert found.problem_count == MOST_PROBLEMS + 5


def test_the_name_of_a_batch_depends_on_all_that_is_asked_for(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    found = surveyed(manifest(one, "a", "b"))
    name = batch_id(found, "shop", "videos")
    assert name.startswith("products-")
    assert batch_id(surveyed(manifest(two, "a", "b")), "shop", "videos") == name
    others = [
        batch_id(found, "other", "videos"),
        batch_id(found, "shop", "elsewhere"),
        batch_id(surveyed(manifest(two, "b", "a")), "shop", "videos"),
        batch_id(surveyed(manifest(two, "a", "b", duration=10)), "shop", "videos"),
        batch_id(surveyed(manifest(two, "a", "b"), key="{id}.mp4"), "shop", "videos"),
    ]
    assert len({name, *others}) == 6


@given(st.text(max_size=80), st.text(max_size=20))
def test_the_name_of_a_batch_is_safe_in_a_path_and_a_redis_key(
    stem: str, account: str
) -> None:
    name = batch_id(Survey(Path(f"x{stem}.csv")), account, "videos")
    assert 10 <= len(name) <= 49
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)


@given(
    jobs=st.integers(1, 10_000),
    each_s=st.floats(1, 600),
    per_minute=st.integers(1, 5_000),
    at_once=st.integers(1, 5_000),
)
def test_limits_are_kept_in_the_time_that_is_foretold(
    jobs: int, each_s: float, per_minute: int, at_once: int
) -> None:
    found = Survey(Path("m.csv"), jobs=jobs, generation_s=jobs * each_s)
    foretold_s = found.duration_s(Limits(per_minute, at_once))
    assert foretold_s >= each_s * 0.999
    assert per_minute * (foretold_s / 60 + 1) >= jobs * 0.999
    assert at_once * foretold_s >= jobs * each_s * 0.999


def test_the_same_manifest_is_the_same_batch(
    tmp_path: Path, ledger: Ledger, home: Path
) -> None:
    found, wanted = surveyed(manifest(tmp_path, "a", "b")), chosen(home)
    batch = enqueued(ledger, found, wanted, budget=1_000_000)
    assert batch.complete
    assert batch.counts[State.WAITING] == 2
    assert batch.estimated_usd_micros == 420_000
    assert [r.job.key for r in ledger.batches.jobs(batch.id)] == [
        f"{batch.id}/a.mp4",
        f"{batch.id}/b.mp4",
    ]

    again = enqueued(ledger, found, wanted)
    assert again == batch
    raised = enqueued(ledger, found, wanted, budget=2_000_000)
    assert raised.budget_usd_micros == 2_000_000
    assert raised.total == 2
    assert ledger.batches.ids() == [batch.id]


def test_a_manifest_that_changes_while_it_is_read_sends_nothing(
    tmp_path: Path, ledger: Ledger, home: Path
) -> None:
    path, wanted = manifest(tmp_path, "a", "b"), chosen(home)
    found = surveyed(path)
    manifest(tmp_path, "a", "c")
    with pytest.raises(Stop, match="changed while it was read; nothing was sent"):
        enqueued(ledger, found, wanted)
    manifest(tmp_path, "a", "b", duration=7)
    with pytest.raises(Stop, match="the manifest changed while it was read"):
        enqueued(ledger, found, wanted)
    batch = ledger.batches.read(batch_id(found, "shop", wanted.store))
    assert batch
    assert not batch.complete
    assert ledger.permits.grant("shop", 10, 30.0) == []
