"""Batches and jobs for the tests of reports: plain ones, and hostile ones at random."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from jobs.job import Job
from jobs.pace.limits import Limits
from jobs.provider.answers import Billed, Listed
from jobs.records import Attempt, BatchRecord, Failure, JobRecord
from jobs.report.document import json_chunks, report
from jobs.report.invoice import invoice
from jobs.states import State

NOW_S = 1_780_000_000.0
MODEL = "kwaivgi/kling-v2.6-std/image-to-video"
#: A model whose price an option raises.
DEARER = "kwaivgi/kling-v3.0-std/image-to-video"
OUTCOMES = [
    *("sent", "generating", "completed", "failed", "refused", "unsent"),
    *("unknown", "absent", "abandoned"),
]


HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "//example.com/mug.jpg",
    "https://[example.com/",
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "{{ 7 * 7 }}",
    "a,b\r\n=c",
    "</article></style></textarea>",
    "\x00",
    "../../mug",
    "",
    *("\u202ecod.exe \u2066x\u200f", "a\n\n# b\n\n- c", "&lt;script&gt;&#64;all"),
]


texts = st.sampled_from(HOSTILE) | st.text(max_size=12)
micros = st.integers(0, 10**10)
seconds = st.floats(0, 4e9)


listed = st.builds(
    Listed,
    texts,
    texts,
    seconds,
    st.sampled_from(["completed", "processing"]),
    st.none() | st.dictionaries(st.sampled_from(["prompt", "image"]), texts),
)
labels = st.dictionaries(st.sampled_from(["team", "season"]), texts)


@st.composite
def attempts(draw: st.DrawFn, number: int) -> Attempt:
    charged = draw(micros)
    return Attempt(
        number=number,
        sent_at_s=draw(seconds),
        outcome=draw(st.sampled_from(OUTCOMES)),
        price_usd_micros=draw(st.none() | micros),
        charged_usd_micros=charged,
        refunded_usd_micros=draw(st.integers(0, charged)),
        prediction_id=draw(st.none() | texts),
        ended_at_s=draw(st.none() | seconds),
        failure=draw(st.none() | st.builds(Failure, texts, texts)),
    )


@st.composite
def job_records(draw: st.DrawFn) -> JobRecord:
    job = Job(
        id=draw(texts),
        line=draw(st.integers(1, 10**6)),
        model=draw(st.sampled_from([MODEL, DEARER, "another"])),
        inputs={
            "prompt": draw(texts),
            "image": draw(texts),
            "sound": draw(st.booleans()),
        },
        duration_s=draw(st.sampled_from([None, 5, 10])),
        price_usd_micros=draw(st.none() | micros),
        key=draw(texts),
        data=draw(st.dictionaries(texts, texts, max_size=3)),
        quoted=draw(st.booleans()),
    )
    return JobRecord(
        job,
        state=draw(st.sampled_from(State)),
        attempts=tuple(draw(attempts(n)) for n in range(1, draw(st.integers(1, 3)))),
        video=draw(st.none() | texts),
        video_bytes=draw(st.none() | st.integers(0, 10**12)),
        video_sha256=draw(st.none() | texts),
        poster=draw(st.none() | texts),
        failure=draw(st.none() | st.builds(Failure, texts, texts)),
        candidates=tuple(draw(st.lists(listed, max_size=2))),
        generated_at_s=draw(st.none() | seconds),
        source_job=draw(texts),
    )


batches = st.builds(
    BatchRecord,
    id=texts,
    manifest=texts,
    account=texts,
    store=texts,
    priority=st.integers(1, 9),
    attempts=st.integers(1, 5),
    budget_usd_micros=st.none() | micros,
    created_at_s=seconds,
    complete=st.booleans(),
    paused=st.booleans(),
    stopped_by=st.sampled_from(["", "budget", "something"]),
    labels=labels,
    throttled=st.integers(0, 10**6),
)


@st.composite
def invoices(draw: st.DrawFn, records: list[JobRecord]) -> dict[str, Any]:
    """What the provider may say of these jobs: some of it billed, some of others."""
    tries = [attempt for record in records for attempt in record.attempts]
    ids = [attempt.prediction_id for attempt in tries if attempt.prediction_id]
    of = st.sampled_from([*ids, "a stranger"])
    kind = st.sampled_from(["deduct", "refund"])
    bills = st.builds(Billed, texts, of, texts, kind, micros, seconds)
    return invoice(records, draw(st.lists(bills, max_size=4)), ids, (0.0, 4e9))


@st.composite
def documents_of(draw: st.DrawFn, most: int = 3) -> dict[str, Any]:
    records = draw(st.lists(job_records(), max_size=most))
    limits = st.builds(Limits, st.integers(1, 10**4), st.integers(1, 10**4))
    return report(
        draw(batches),
        iter(records),
        draw(seconds),
        limits=draw(st.none() | limits),
        invoice=draw(st.none() | invoices(records)),
    )


documents = documents_of()


def one_job(state: State = State.STORED, *tries: Attempt, **changes: Any) -> JobRecord:
    inputs = {"prompt": "a mug", "image": "https://example.com/mug.jpg"}
    job = Job("mug", 2, MODEL, inputs, 210_000, "spring/mug.mp4", quoted=True)
    return replace(JobRecord(job, state, tries), **changes)


def one_try(outcome: str = "completed", refunded: int = 0, number: int = 1) -> Attempt:
    price = 210_000
    return Attempt(number, NOW_S, outcome, price, price, refunded, f"p{number}")


SPRING = BatchRecord(
    id="spring",
    manifest="spring.csv",
    account="default",
    store="./videos",
    priority=1,
    attempts=3,
    budget_usd_micros=20_000_000,
    created_at_s=NOW_S,
    complete=True,
)


def of(*jobs: JobRecord, batch: BatchRecord = SPRING) -> dict[str, Any]:
    return report(batch, jobs, NOW_S)


def as_json(document: dict[str, Any]) -> str:
    return "".join(json_chunks(document))
