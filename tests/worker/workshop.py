"""A worker's engine on a real ledger and a real sandbox, driven turn by turn.

It does what messages and the due-set bring about in a running worker, only at once, so
that tests wait for conditions and never for a lease. What should come of it stands in
the tests.
"""

import io
import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw

from jobs import broker, settings
from jobs.job import Job
from jobs.ledger import Ledger
from jobs.records import BatchRecord, JobRecord
from jobs.states import State
from jobs.transitions import Ref
from tests.audit import audit
from tests.sandbox.running import RunningSandbox
from worker.collect import collect
from worker.engine import Engine
from worker.poll import poll
from worker.reconcile import reconcile
from worker.submit import submit

V26 = "kling-v2.6-std"
MULTI = "kling-v1.6-multi"

PATIENCE_S = 120.0

#: Starts a sandbox on a machine whose clock is ahead.
AHEAD = """
import runpy, sys, time
real, ahead_s = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + ahead_s
runpy.run_module("sandbox", run_name="__main__")
"""


@dataclass(slots=True)
class Workshop:
    """One engine, and what it works with."""

    engine: Engine
    ledger: Ledger
    sandbox: RunningSandbox
    store: Path
    #: In every prompt, so that its predictions are found in the books.
    tag: str
    batches: list[str] = field(default_factory=list)

    def job(self, number: int, model: str = V26, **inputs: Any) -> Job:
        """A job of its own prompt, and of one of the sample pictures in turn."""
        known = self.engine.catalogue.find(model)
        names = ("mug", "lamp", "bag", "chair", "watch", "sneaker")
        picture = f"{self.sandbox.files_url}/pictures/{names[number % 6]}.jpg"
        column = "images" if "images" in known.inputs else "image"
        given = {
            column: [picture] if column == "images" else picture,
            "prompt": f"{self.tag} orbit {number}",
            **inputs,
        }
        return Job(
            id=f"r{number}",
            line=number + 2,
            model=known.id,
            inputs=given,
            price_usd_micros=known.price_usd_micros(given),
            duration_s=known.duration_s(given),
            key=f"r{number}.mp4",
        )

    def order(self, *jobs: Job, batch: str = "spring", **changes: Any) -> list[Ref]:
        """Hand in a batch of these jobs."""
        fields: dict[str, Any] = {
            "manifest": "spring.csv",
            "account": self.engine.account,
            "store": str(self.store / batch),
            "priority": 1,
            "attempts": 3,
            "budget_usd_micros": None,
            "created_at_s": time.time(),
            "complete": False,
        }
        self.ledger.batches.create(BatchRecord(id=batch, **{**fields, **changes}))
        self.ledger.batches.add(batch, jobs)
        self.ledger.batches.open(batch)
        self.batches.append(batch)
        return [Ref(batch, job.id) for job in jobs]

    def records(self) -> dict[Ref, JobRecord]:
        """All jobs there are."""
        return {
            Ref(batch, record.job.id): record
            for batch in self.batches
            for record in self.ledger.batches.jobs(batch)
        }

    def record(self, ref: Ref) -> JobRecord:
        """How a job stands."""
        (found,) = self.ledger.batches.load([ref])
        assert found is not None
        return found

    def states(self) -> Counter[State]:
        """How many jobs are where."""
        return Counter(record.state for record in self.records().values())

    def are(self, state: State) -> list[Ref]:
        """The jobs in a state."""
        return [ref for ref, r in self.records().items() if r.state is state]

    def submit(self, most: int = 1_000) -> list[Ref]:
        """Send what may start now."""
        account, lease_s = self.engine.account, self.engine.settings.lease_s
        granted = self.ledger.permits.grant(account, most, lease_s)
        self.submit_these(granted)
        return granted

    def submit_these(self, refs: list[Ref]) -> None:
        """Send what was granted."""
        self.engine.run(submit(self.engine, refs))

    def settle(self) -> None:
        """Look once for lost answers."""
        lost = [*self.are(State.UNKNOWN), *self.are(State.UNRESOLVED)]
        self.engine.run(reconcile(self.engine, lost))

    def look_for_lost(self) -> dict[str, int]:
        """Look for lost answers until each is found or left to a person; the states."""
        self.until(lambda: not self.are(State.UNKNOWN), self.settle)
        return {str(state): n for state, n in self.states().items()}

    def look(self) -> None:
        """Look once at what is begun."""
        begun = [*self.are(State.GENERATING), *self.are(State.OVERDUE)]
        self.engine.run(poll(self.engine, begun))

    def end(self) -> None:
        """Look once at what is begun, and fetch what is done."""
        self.look()
        self.engine.run(collect(self.engine, self.are(State.GENERATED)))

    def turn(self) -> None:
        """Everything a worker does, once, without the account's rest."""
        self.ledger.permits.recover(self.engine.account)
        self.submit()
        self.settle()
        self.end()

    def until(self, true: Callable[[], Any], turn: Callable[[], None]) -> None:
        """Take turns until something is true."""
        end_s = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end_s, self.states()
            turn()
            time.sleep(0.05)

    def until_all(self, *states: State) -> None:
        """Take turns until every job is in one of these states."""
        self.until(lambda: set(self.states()) <= set(states), self.turn)

    def post(self, inputs: dict[str, Any], model: str = V26) -> str:
        """What somebody else asks for with the same key; the prediction's id."""
        key = self.engine.settings.api_key
        assert key
        path = self.engine.catalogue.find(model).path
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
        url = self.sandbox.url + path
        answer = httpx.post(url, json=inputs, headers=headers, trust_env=False)
        return str(answer.raise_for_status().json()["data"]["id"])

    def upload(self, picture: bytes) -> str:
        """The address of a picture at the sandbox."""
        key = self.engine.settings.api_key
        assert key
        answer = httpx.post(
            f"{self.sandbox.url}/api/v3/media/uploads",
            json={"filename": "picture.jpg", "size": len(picture)},
            headers={"Authorization": f"Bearer {key.get_secret_value()}"},
            trust_env=False,
        )
        ticket = answer.raise_for_status().json()["data"]
        put = ticket["upload"]
        httpx.put(
            put["url"], content=picture, headers=put["headers"], trust_env=False
        ).raise_for_status()
        return str(ticket["download_url"])

    def books(self) -> list[dict[str, Any]]:
        """The provider's rows of this workshop, those of strangers included."""
        rows = self.sandbox.books(rows=True)["rows"]
        return [row for row in rows if self.tag in row["inputs"]["prompt"]]

    def paid(self) -> Counter[str]:
        """How often each prompt of ours was paid and not given back."""
        return Counter(
            row["inputs"]["prompt"]
            for row in self.books()
            if not row["stranger"] and not row["refunded"]
        )

    def check(self) -> None:
        """Nothing is paid twice, every video is its row's, and the ledger agrees."""
        assert audit(self.ledger, self.engine.account) == []
        assert max(self.paid().values(), default=0) <= 1
        rows = {row["id"]: row for row in self.books()}
        for record in self.records().values():
            if record.prediction_id:
                row = rows[record.prediction_id]
                assert not row["stranger"]
                assert row["inputs"]["prompt"] == record.job.inputs["prompt"]

    def is_paid_as_booked(self) -> bool:
        """Whether our books say what the provider's say."""
        own = [row for row in self.books() if not row["stranger"]]
        records = self.records().values()
        booked = (
            sum(record.charged_usd_micros for record in records),
            sum(record.refunded_usd_micros for record in records),
        )
        return booked == (
            sum(row["price_usd_micros"] for row in own),
            sum(row["refunded_usd_micros"] for row in own),
        )


@contextmanager
def workshop(
    ledger: Ledger, sandbox: RunningSandbox, home: Path, **changes: Any
) -> Iterator[Workshop]:
    """A workshop with a key of its own."""
    tag = uuid.uuid4().hex[:8]
    quick = {
        "api_key": f"key-{tag}",
        "base_url": sandbox.url,
        "home": home,
        "tier": "ultra",
        "poll_min_s": 0.05,
        "first_poll_s": 0.05,
    }
    settling_s = changes.pop("settling_s", 0.3)
    chosen = settings.read({}, **{**quick, **changes})
    # Shorter than a person may set it, because here the history is quick.
    chosen = chosen.model_copy(update={"settling_s": settling_s})
    before = sandbox.configure()
    engine = Engine(chosen, broker.make_app(chosen.ledger_url))
    engine.read_clock()
    engine.ledger.close()
    engine.ledger = ledger
    permits = ledger.permits
    permits.set_limits(engine.account, chosen.limits, chosen.daily_budget_usd_micros)
    # As whoever hands a batch in does, with the copy that is kept of it.
    ledger.identity.name()
    try:
        yield Workshop(engine, ledger, sandbox, home / "store", tag)
    finally:
        # What a tick has started aside would open a connection that nobody closes.
        engine.stopping = True
        engine.cancel_tasks()
        engine.run(engine.provider.close())
        engine.run(engine.files.close())
        sandbox.configure(**before)


@contextmanager
def sandbox_ahead(seconds: float, **changes: object) -> Iterator[RunningSandbox]:
    """A sandbox whose machine's clock is so far ahead."""
    pairs = [f"--set={name}={json.dumps(value)}" for name, value in changes.items()]
    command = [sys.executable, "-c", AHEAD, str(seconds), "--port=0", "--with-parent"]
    with subprocess.Popen(
        [*command, *pairs], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            yield RunningSandbox(process=process, **ready)
        finally:
            process.terminate()
            process.wait(5)


def drawing(shape: str, colour: str) -> bytes:
    """A JPEG of a small product on a white table: a `mug` or a `ball`."""
    image = Image.new("RGB", (720, 720), "white")
    pen = ImageDraw.Draw(image)
    if shape == "mug":
        pen.rectangle((240, 240, 460, 500), fill=colour)
        pen.arc((430, 290, 530, 440), -90, 90, fill=colour, width=22)
    else:
        pen.ellipse((230, 260, 470, 500), fill=colour)
    return jpeg(image)


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
