"""Reports for a browser: batches of many jobs, and who opens and serves their pages.

What should be seen stands in `test_report`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from playwright.sync_api import Browser, Page

from jobs.provider.answers import Listed
from jobs.records import Failure, JobRecord
from jobs.states import State
from tests.jobs.report.reported import one_job, one_try

#: Ids that would do harm if they were more than text.
HARM = "<img src=http://example.com/x.png onerror=alert(1)>"


@dataclass(frozen=True, slots=True)
class Opened:
    """A report as a person has it before them, and what the browser did for it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def elsewhere(self, home: str) -> list[str]:
        """What was asked of anybody but whoever the page came from."""
        return [url for url in self.requests if not url.startswith((home, "data:"))]


def job(number: int, state: State, **changes: Any) -> JobRecord:
    """A job of a batch of many; a stored one has one of the three real videos."""
    record = one_job(state, **changes)
    words = f"a mug with handle {number}"
    inputs = {"prompt": words, "image": f"https://example.com/{number}.jpg"}
    named = replace(
        record.job,
        id=f"mug-{number:05}",
        line=number + 2,
        inputs=inputs,
        key=f"spring/video-{number % 3}.mp4",
        data={"shelf": f"s{number % 7}"},
    )
    return replace(record, job=named)


def batch_of(count: int) -> list[JobRecord]:
    """Stored jobs, and behind them eight in trouble or on the way."""
    fine = [job(n, State.STORED, attempts=(one_try(),)) for n in range(count - 8)]
    unsafe = Failure("moderation", f"Refused as unsafe: {HARM}")
    seen = Listed("p-lost", "kling", 1_780_000_000.0, "completed")
    lost = Failure("lost", "The connection broke before an answer came.")
    paid = (one_try("failed"), one_try("failed", number=2))
    numbers = iter(range(count - 8, count))
    return [
        *fine,
        *(
            job(next(numbers), State.FAILED, attempts=paid, failure=unsafe)
            for _ in range(4)
        ),
        job(next(numbers), State.UNRESOLVED, candidates=(seen,), failure=lost),
        *(job(next(numbers), State.WAITING) for _ in range(3)),
    ]


@contextmanager
def opened(started: Browser, address: str, **looks: Any) -> Iterator[Opened]:
    # Nothing is waited for to come to rest, but where moving is what is looked at.
    page = started.new_page(**{"reduced_motion": "reduce", **looks})
    made = Opened(page)
    page.on("request", lambda request: made.requests.append(request.url))
    page.on("console", lambda message: made.complaints.append(message.text))
    page.on("pageerror", lambda error: made.complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    yield made
    assert made.complaints == []
    page.close()
