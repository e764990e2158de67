"""The manifest of what failed: it asks for the same again, and runs nothing."""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.planning import Manifest
from jobs.records import Failure, JobRecord
from jobs.report.document import report
from jobs.report.failed import ASKED_ANEW, failed_csv
from jobs.report.sheet import FORMULA_STARTS, inert
from jobs.states import State
from jobs.transitions import Ref
from producer.manifests import Options, plan
from tests.jobs.manifest.asked import MUG, rows
from tests.jobs.report.reported import NOW_S, SPRING

CATALOGUE = builtin()


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """A job of any model, as a row in JSON could ask for it."""
    job = Manifest(CATALOGUE).plan(draw(rows()))
    assume(isinstance(job, Job))
    assert isinstance(job, Job)
    return job


#: Where a spreadsheet may see a formula, whatever its list separator is.
LIVE = re.compile('(^|[;\t\n])[\\s"\u200b]*[=+@-]')


def written(records: Iterable[JobRecord], folder: str = "") -> str:
    kept = {record.job.id: record for record in records}
    document = report(SPRING, kept.values(), NOW_S)

    def again(refs: Iterable[Ref]) -> Iterator[JobRecord]:
        return (kept[ref.job] for ref in refs)

    return "".join(failed_csv(document, again, CATALOGUE, folder))


def read(text: str) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "failed.csv"
        path.write_bytes(text.encode())
        return list(plan(path, Options(), CATALOGUE))


def failed(job: Job, **changes: Any) -> JobRecord:
    failure = Failure("refused", "=the provider says no")
    return replace(JobRecord(job, State.FAILED, failure=failure), **changes)


def simple(
    job_id: str, state: State = State.FAILED, data: Mapping[str, str] | None = None
) -> JobRecord:
    model = "kwaivgi/kling-v2.6-std/image-to-video"
    inputs = {"image": MUG, "prompt": "Slow orbit"}
    return JobRecord(Job(job_id, 2, model, inputs, 210_000, "k", data or {}), state)


@given(st.lists(jobs(), min_size=1, max_size=4))
def test_reading_it_gives_the_same_jobs(wanted: list[Job]) -> None:
    wanted = [replace(job, id=f"r{n}", line=n) for n, job in enumerate(wanted, 2)]
    found = read(written(map(failed, wanted)))
    assert [str(one) for one in found if not isinstance(one, Job)] == []
    for job, again in zip(wanted, found, strict=True):
        assert (again.id, again.model, again.inputs) == (job.id, job.model, job.inputs)
        assert again.price_usd_micros == job.price_usd_micros
        data = {name: text for name, text in job.data.items() if name != "reason"}
        own = {inert(name): inert(text) for name, text in data.items()}
        known = {"reason": "'=the provider says no"}
        step = {"next_step": again.data["next_step"]}
        assert again.data == own | known | step


@given(st.lists(jobs(), min_size=1, max_size=3))
@example([simple("a", data={"=1": "=2"}).job])
def test_no_cell_of_it_is_a_formula(wanted: list[Job]) -> None:
    text = written(map(failed, wanted)).removeprefix("\ufeff")
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert len({len(line) for line in table}) == 1
    cells = [cell for line in table for cell in line]
    assert not [cell for cell in cells if cell.startswith(FORMULA_STARTS)]


@pytest.mark.parametrize("text", ['x;=HYPERLINK("http://x")', "\u200b=1"])
def test_neither_a_rows_own_data_nor_a_reason_becomes_a_formula(text: str) -> None:
    one = simple("a", data={text: text})
    table = list(csv.reader(io.StringIO(written([failed(one.job)]), newline="")))
    with_reason = replace(one, failure=Failure("refused", f";{text}"))
    table += csv.reader(io.StringIO(written([with_reason]), newline=""))
    cells = [cell for line in table for cell in line if text.strip()[-1] in cell]
    assert cells
    assert not [cell for cell in cells if LIVE.search(cell)]


def test_only_what_has_no_video_and_is_not_paid_is_asked_for_anew() -> None:
    records = [simple(f"r-{state}", state) for state in State]
    found = read(written(records))
    assert {job.id for job in found} == {f"r-{state}" for state in ASKED_ANEW}
    assert {State.FAILED, State.CANCELLED} == ASKED_ANEW


def test_each_row_says_why_and_what_to_do() -> None:
    moderated = Failure("moderation", "The picture was refused.")
    rows = [failed(simple("a").job, failure=moderated), simple("b", State.CANCELLED)]
    first, second = read(written(rows))
    assert first.data["reason"] == "The picture was refused."
    assert first.data["next_step"].startswith("Change its prompt or picture")
    assert second.data["reason"] == "It was cancelled."
    assert second.data["next_step"] == "Run this file to render it."


def test_a_path_still_names_the_same_picture() -> None:
    """A report lies elsewhere than the manifest, and paths start from the file."""
    several = "kwaivgi/kling-v1.6-multi-i2v-standard"
    paths = ["shop/mug.jpg", "/srv/bag.jpg", MUG, "s3://shop/watch.jpg"]
    job = Job("a", 2, several, {"images": paths, "prompt": "So"}, None, "k")
    text = written([failed(job)], folder="/data/spring").removeprefix("\ufeff")
    (line,) = csv.DictReader(io.StringIO(text, newline=""))
    expected = ["/data/spring/shop/mug.jpg", "/srv/bag.jpg", MUG, "s3://shop/watch.jpg"]
    assert re.findall(r'[^][ ",|]+', line["images"]) == expected


@pytest.mark.parametrize("number", [1e-07, 0.1 + 0.2])
def test_a_number_is_written_without_an_exponent(number: float) -> None:
    model = "kwaivgi/kling-v1.6-i2v-standard"
    inputs = {"image": MUG, "prompt": "So", "guidance_scale": number}
    (again,) = read(written([failed(Job("a", 2, model, inputs, None, "k"))]))
    assert again.inputs["guidance_scale"] == pytest.approx(number, abs=1e-15)
