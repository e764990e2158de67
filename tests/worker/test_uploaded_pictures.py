"""Jobs with pictures of this machine, with a real ledger and a real sandbox."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jobs.attempt.links import EXPIRED_CODE, USED_S
from jobs.job import Job
from jobs.ledger import Ledger, keys
from jobs.states import State
from producer.uploading import Uploaded, upload_all
from sandbox.media import samples
from tests.sandbox.running import RunningSandbox
from tests.worker.workshop import MULTI, Workshop, workshop


@dataclass(slots=True)
class Shop:
    """A workshop, and a folder with pictures."""

    works: Workshop
    folder: Path

    def job(self, number: int, name: str = "mug", model: str = "") -> Job:
        """A job whose picture is a file of this machine."""
        path = self.folder / f"{name} {number}.jpg"
        path.write_bytes(samples()[f"/pictures/{name}.jpg"])
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        made = self.works.job(number, model) if model else self.works.job(number)
        pictures = {"images": [str(path)]} if model else {"image": str(path)}
        inputs = {**made.inputs, **pictures}
        return replace(made, inputs=inputs, contents={str(path): content})

    def upload(self, *jobs: Job) -> Uploaded:
        """Upload the pictures of jobs as a command does."""
        # A process of its own takes no shorter time for settling.
        settings = self.works.engine.settings.model_copy(update={"settling_s": 180.0})
        ledger = self.works.ledger
        needed = [(c, a) for job in jobs for a, c in job.contents.items()]
        return upload_all(settings, ledger, needed, lambda a: Path(a).open("rb"))

    def age(self, job: Job, age_s: float) -> None:
        """Let its uploads be so old."""
        account, links = self.works.engine.account, self.works.ledger.links
        until_s = self.works.engine.now_s() + USED_S - age_s
        for content, link in links.find(account, [*job.contents.values()]).items():
            links.keep(account, content, link.url, until_s)


@pytest.fixture
def shop(
    ledger: Ledger, sandbox: RunningSandbox, home: Path, tmp_path: Path
) -> Iterator[Shop]:
    with workshop(ledger, sandbox, home) as made:
        yield Shop(made, tmp_path)


def all_are_stored_and_paid_once(works: Workshop) -> None:
    works.until_all(State.STORED)
    works.check()
    assert set(works.paid().values()) == {1}
    assert works.is_paid_as_booked()


def test_one_content_is_uploaded_once_for_several_jobs(shop: Shop) -> None:
    before = shop.works.sandbox.books()["requests"].get("upload_put", 0)
    jobs = [shop.job(0), shop.job(1), shop.job(2, "lamp"), shop.job(3, "bag", MULTI)]
    assert shop.upload(*jobs).count == 3
    assert shop.upload(*jobs) == Uploaded(0, 0, kept=3)
    shop.works.order(*jobs)
    all_are_stored_and_paid_once(shop.works)
    books = shop.works.sandbox.books()
    assert books["requests"]["upload_put"] - before == 3
    assert books["key_leaks"] == 0
    sent = [row["inputs"] for row in shop.works.books()]
    files = f"{shop.works.sandbox.files_url}/uploads/"
    assert all(str(i.get("image") or i["images"][0]).startswith(files) for i in sent)
    assert str(shop.folder) not in str(sent)
    for ref, record in shop.works.records().items():
        assert list(record.links) == list(record.job.contents), ref


@pytest.mark.parametrize("age_s", [USED_S + 1, None])
def test_without_a_good_link_nothing_is_sent_and_nothing_spins(
    shop: Shop, age_s: float | None
) -> None:
    job, other = shop.job(0), shop.works.job(1)
    if age_s:
        shop.upload(job)
        shop.age(job, age_s)
    (ref, _) = shop.works.order(job, other)
    shop.works.until_all(State.STORED, State.FAILED)
    record = shop.works.record(ref)
    assert record.failure
    assert record.failure.code == EXPIRED_CODE
    assert "run the manifest again" in record.failure.message
    assert (record.charged_usd_micros, record.fencing_token) == (0, 1)
    assert list(shop.works.paid()) == [other.inputs["prompt"]]
    shop.works.check()
    assert shop.works.is_paid_as_booked()


def test_refused_uploads_use_up_no_starts(shop: Shop) -> None:
    shop.works.order(*(shop.job(number) for number in range(9)))
    shop.works.until_all(State.FAILED)
    starts = keys.account(shop.works.engine.account, "starts")
    assert shop.works.ledger.server.zcard(starts) == 0


@pytest.mark.parametrize("shown", ["history_inputs", "result_inputs"])
def test_a_lost_answer_is_settled_by_the_links_that_were_sent(
    shop: Shop, shown: str
) -> None:
    jobs = [shop.job(0), shop.job(1), shop.job(2, "lamp")]
    shop.upload(*jobs)
    shop.works.order(*jobs)
    works = shop.works
    works.sandbox.configure(**{shown: True}, submit_drop_after="first 2", stranger=1)
    works.submit()
    works.sandbox.configure(submit_drop_after=0, stranger=0)
    assert works.states() == {State.UNKNOWN: 2, State.GENERATING: 1}
    # Uploaded anew meanwhile: what counts is what was sent.
    for job in jobs:
        shop.age(job, USED_S - 1)
    assert shop.upload(*jobs).count == 2
    all_are_stored_and_paid_once(works)
    assert [r.attempt.number for r in works.records().values()] == [1, 1, 1]


def test_an_upload_that_is_out_of_reach_is_forgotten(shop: Shop) -> None:
    job = shop.job(0)
    shop.upload(job)
    shop.works.sandbox.configure(upload_kept_s=0.0)
    (ref,) = shop.works.order(job)
    shop.works.until_all(State.FAILED)
    shop.works.sandbox.configure(upload_kept_s=604_800.0)
    record = shop.works.record(ref)
    assert record.failure
    assert record.failure.code == "picture-unreachable"
    assert shop.upload(job).count == 1
    shop.works.check()
