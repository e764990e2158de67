"""Reports as tables: nothing in them runs, nothing is lost, what failed runs again."""

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.planning import Manifest
from jobs.manifest.rows import Notice
from jobs.records import Failure, JobRecord
from jobs.report.document import report
from jobs.report.sheet import (
    ASKED_ANEW,
    FORMULA_STARTS,
    csv_lines,
    failed_csv,
    without_formula,
)
from jobs.states import State
from jobs.text import visible_block
from jobs.transitions import Ref
from producer.manifests import Options, plan
from tests.jobs.manifest.asked import MUG, flat
from tests.jobs.manifest.asked import rows as manifest_rows
from tests.jobs.report.reported import NOW_S, SPRING, documents, of, one_job

STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")

#: What spreadsheets pass over before they look for a formula.
PASSED = '"\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff'

texts = st.text(st.sampled_from("=+-@;,|\t\r\n\"' a\u200f\u202e\u2060\uff1d\x00"))


def runs(cell: str) -> bool:
    """Whether a spreadsheet, at its most eager, would run a cell."""
    seen = re.sub(rf"[\s{PASSED}]", "", cell)
    return seen.startswith(STARTS)


def cells(text: str, delimiter: str) -> list[str]:
    """All cells of a file, as one reads it whose country separates them so."""
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [cell for line in lines for cell in line]


def pieces(text: str) -> list[str]:
    """Its cells as one sees them who knows neither quotes nor commas."""
    return re.split("[;\t\r\n\v\f\x85\u2028\u2029]", text)


def as_csv(document: dict[str, Any]) -> str:
    return "".join(csv_lines(document))


def sheet(value: str) -> str:
    """A report of one job that says this wherever it can."""
    record, own = one_job(), {"own": value, value: "x"}
    asked = {"prompt": value, "image": value}
    job = replace(record.job, id=value, inputs=asked, data=own)
    return as_csv(of(replace(record, job=job)))


@settings(max_examples=200)
@given(texts)
@example(";\n=")
def test_no_text_at_all_becomes_a_formula(value: str) -> None:
    text = sheet(value)
    found = [cell for delimiter in ",;\t" for cell in cells(text, delimiter)]
    assert [cell for cell in (*found, *pieces(text)) if runs(cell)] == []
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n")
    assert visible_block(plain) == plain


@settings(max_examples=40)
@given(documents)
def test_a_defused_cell_still_says_what_it_said(document: dict[str, Any]) -> None:
    text = as_csv(document).removeprefix("\ufeff")
    for line, row in zip(
        csv.DictReader(io.StringIO(text, newline="")), document["rows"], strict=True
    ):
        said = {"prompt": row["prompt"], "id": row["id"], "image": row["image"]}
        for name, value in said.items():
            assert line[name].replace("'", "") == visible_block(value).replace("'", "")
        assert line["charged_usd"] == row["charged_usd"]
        assert line["options"] == row["options"]


@pytest.mark.parametrize(
    "plain",
    ["5-6; +7", "it's"],
)
def test_what_is_harmless_stays_to_the_letter(plain: str) -> None:
    expected = plain if plain != "5-6; +7" else "5-6; '+7"
    assert expected in cells(sheet(plain), ",")


CATALOGUE = builtin()


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """A job of any model, as a row in JSON could ask for it."""
    (job, *_) = flat(Manifest(CATALOGUE).plan(draw(manifest_rows())))
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
        found = flat(plan(path, Options(), CATALOGUE))
        return [one for one in found if not isinstance(one, Notice)]


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
        own = {
            without_formula(name): without_formula(text) for name, text in data.items()
        }
        known = {"reason": "'=the provider says no"}
        step = {"next_step": again.data["next_step"]}
        assert again.data == own | known | step


@pytest.mark.parametrize(
    "text", ["=1", 'x;=HYPERLINK("http://x")', "\u200b=1", "a\n@b"]
)
def test_neither_own_data_nor_a_reason_of_what_failed_becomes_a_formula(
    text: str,
) -> None:
    one = simple("a", data={text: text})
    with_reason = replace(one, failure=Failure("refused", f";{text}"))
    for record in (failed(one.job), with_reason):
        found = cells(written([record]).removeprefix("\ufeff"), ",")
        assert not [cell for cell in found if LIVE.search(cell)]
        assert not [cell for cell in found if cell.startswith(FORMULA_STARTS)]


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
