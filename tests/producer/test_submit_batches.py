"""From a manifest to a batch, with a real ledger."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs import catalogue, settings
from jobs.ledger import Ledger
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import Event, State
from producer.bill import Share
from producer.enqueue import enqueue
from producer.manifests import Options
from producer.quote import batch_id, new_batch, resolve_batch_id
from producer.survey import Survey, survey, weigh
from tests.jobs.ledger.play import PLENTY, play

KNOWN = catalogue.builtin()
MADE = (Event.CLAIM, Event.ACCEPT, Event.COMPLETE, Event.STORE)
ROW = "{id},kling-v2.6-std,https://example.com/{id}.jpg,Slow orbit,{duration}\n"


def manifest(folder: Path, *ids: str, duration: int = 5) -> Path:
    rows = "".join(ROW.format(id=each, duration=duration) for each in ids)
    path = folder / "products.csv"
    path.write_text(f"id,model,image,prompt,duration\n{rows}")
    return path


#: Surveys of the present test, which hold files.
SURVEYS: list[Survey] = []


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    while SURVEYS:
        SURVEYS.pop().close()


def surveyed(path: Path, **options: Any) -> Survey:
    SURVEYS.append(survey(str(path), Options(**options), KNOWN))
    SURVEYS[-1].fingerprint()
    return SURVEYS[-1]


def chosen(home: Path, **changes: Any) -> Settings:
    values = {"home": home, "store": str(home / "videos"), "account": "shop"}
    return settings.read({}, **(values | changes))


def weighed(found: Survey) -> Survey:
    """Everything of it is new: there is no ledger to look in."""
    batch = new_batch(found, settings.read({}), "any", fresh=False, now_s=1.0)
    weigh(found, None, batch, alone=True)
    return found


def enqueued(
    ledger: Ledger,
    found: Survey,
    wanted: Settings,
    budget: int | None = None,
    *,
    fresh: bool = False,
    alone: bool = True,
) -> BatchRecord:
    name = resolve_batch_id(ledger, batch_id(found, "shop", wanted.store), fresh=fresh)
    batch = new_batch(found, wanted, name, fresh=fresh, now_s=1.0)
    return enqueue(ledger, found, replace(batch, budget_usd_micros=budget), alone=alone)


def test_a_survey_counts_and_prices_by_model_and_duration(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a", "b")
    with path.open("a") as file:
        file.write(ROW.format(id="c", duration=10))
    found = weighed(surveyed(path))
    assert found.jobs == 3
    assert found.problems.count == 0
    assert found.shares == {
        ("kling-v2.6-std", 5): Share(jobs=2),
        ("kling-v2.6-std", 10): Share(jobs=1),
    }
    assert found.bill.cost_usd_micros == 840_000


def test_a_survey_tells_whether_any_picture_is_local(tmp_path: Path) -> None:
    path = manifest(tmp_path, "a", "b")
    assert not surveyed(path).local
    with path.open("a") as file:
        file.write("c,kling-v2.6-std,pictures/mug.jpg,Slow orbit,5\n")
    assert surveyed(path).local


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
    name = batch_id(Survey(f"x{stem}.csv", KNOWN), account, "videos")
    assert 10 <= len(name) <= 49
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)


def test_a_manifest_whose_name_is_no_text_makes_a_batch(
    tmp_path: Path, ledger: Ledger
) -> None:
    path = manifest(tmp_path, "a").rename(tmp_path / "nam\udcffe.csv")
    batch = enqueued(ledger, surveyed(path), chosen(tmp_path))
    assert batch.manifest.endswith("nam\\udcffe.csv")


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


def finished(ledger: Ledger, batch: BatchRecord) -> None:
    """Everything that waits in this batch is made and stored."""
    ledger.permits.set_limits("shop", PLENTY)
    for ref in ledger.permits.grant("shop", 100, 30.0):
        play(ledger, ref, *MADE, prediction_id=str(ref))
    assert (now := ledger.batches.read(batch.id))
    assert now.is_over


def test_an_edited_manifest_pays_only_for_what_is_new(
    tmp_path: Path, ledger: Ledger, home: Path
) -> None:
    wanted = chosen(home)
    finished(ledger, enqueued(ledger, surveyed(manifest(tmp_path, "a", "b")), wanted))
    second = enqueued(ledger, surveyed(manifest(tmp_path, "b", "c", "a")), wanted)
    assert second.counts == {State.REUSED: 2, State.WAITING: 1}
    assert second.estimated_usd_micros == 210_000


def test_fresh_renders_all_of_it_once_more_and_goes_on_where_it_was(
    tmp_path: Path, ledger: Ledger, home: Path
) -> None:
    found, wanted = surveyed(manifest(tmp_path, "a", "b")), chosen(home)
    first = enqueued(ledger, found, wanted)
    assert enqueued(ledger, found, wanted, fresh=True).id == first.id
    finished(ledger, first)
    fresh = enqueued(ledger, found, wanted, fresh=True)
    assert fresh.id == f"{first.id}-2"
    assert fresh.counts == {State.WAITING: 2}
    # Interrupted and begun again it is the same batch; without the word nobody pays.
    assert enqueued(ledger, found, wanted, fresh=True).id == fresh.id
    assert enqueued(ledger, found, wanted).id == first.id
    assert enqueued(ledger, found, wanted, fresh=True).id == fresh.id
    finished(ledger, fresh)
    assert enqueued(ledger, found, wanted, fresh=True).id == f"{first.id}-3"


def test_a_batch_chosen_on_this_machine_puts_the_others_aside(
    tmp_path: Path, ledger: Ledger, home: Path
) -> None:
    wanted = chosen(home)
    ledger.permits.set_limits("shop", PLENTY)
    first = enqueued(ledger, surveyed(manifest(tmp_path, "a", "b")), wanted)
    second = enqueued(ledger, surveyed(manifest(tmp_path, "b", "c")), wanted)
    assert {ref.batch for ref in ledger.permits.grant("shop", 9, 30.0)} == {second.id}
    now = ledger.batches.read(first.id)
    assert now
    assert now.aside
