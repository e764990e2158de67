"""Whether all is well in the end: the ledger, the books, the store and the reports.

The books are the stand-in provider's own, so they know of every prediction, also of
those whose answer nobody got. What one side says is compared with the other; nothing
here asks reelmill whether it did well.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.ledger import Ledger
from jobs.money import usd, usd_micros
from tests.audit import audit
from tests.chaos.provider import Allowed, Orders, meant
from tests.producer.running import Desk, until
from tests.sandbox.running import RunningSandbox
from worker import mp4

Row = dict[str, Any]

#: How a prediction stands before it is over.
AT_WORK = {"created", "processing"}


@dataclass(slots=True)
class Tally:
    """Figures of one form of the exercise."""

    #: Processes that got a SIGKILL, by kind or by point.
    kills: Counter[str] = field(default_factory=Counter)
    #: How the command ended when it was not killed, by exit code.
    endings: Counter[int] = field(default_factory=Counter)
    audits: int = 0
    #: Further figures of the end, by what they count.
    figures: dict[str, object] = field(default_factory=dict)
    #: Sentences about what must not be; empty when all is well.
    problems: list[str] = field(default_factory=list)

    def audit(self, ledger: Ledger, account: str) -> None:
        """Take down where the ledger does not agree with itself."""
        self.problems += audit(ledger, account)
        self.audits += 1


def judge(
    tally: Tally,
    sandbox: RunningSandbox,
    place: Desk,
    ledger: Ledger,
    orders: Orders,
    allowed: Allowed,
) -> None:
    """Take down the figures, and whatever is not as it should be."""

    def whole_books() -> Row | None:
        books = sandbox.books(rows=True)
        return None if {r["status"] for r in books["rows"]} & AT_WORK else books

    books = until(whole_books)
    found = [ledger.batches.read(i) for i in ledger.batches.ids()]
    (account,) = {batch.account for batch in found if batch}
    tally.audit(ledger, account)
    made: dict[str, list[Row]] = defaultdict(list)
    for row in books["rows"]:
        if not row["stranger"]:
            made[row["inputs"]["prompt"]].append(row)
    paths = place.store.glob("*/report.json")
    reports = [json.loads(path.read_text("utf-8")) for path in sorted(paths)]
    reported = {row["prompt"]: row for report in reports for row in report["rows"]}
    if reported.keys() != orders.rows.keys() or not made.keys() <= orders.rows.keys():
        tally.problems.append("reports or books have other rows than the manifests")
    for prompt in reported.keys() & orders.rows.keys():
        tally.problems += _of_row(orders.rows[prompt], reported[prompt], made[prompt])
    every = [each for own in made.values() for each in own]
    paid = Counter(e["inputs"]["prompt"] for e in every if not e["refunded"])
    kept = {r["prediction_id"] for r in reported.values() if r["state"] == "stored"}
    completed = {each["id"] for each in every if each["status"] == "completed"}
    states = Counter(row["state"] for row in reported.values())
    tally.figures |= {
        "rows paid twice": sum(count > 1 for count in paid.values()),
        "videos lost": len(completed - kept),
        "jobs": " · ".join(f"{n} {state}" for state, n in states.items()),
        "predictions": len(every),
        "strangers' predictions": books["strangers"],
        "answers that the provider lost": sum(each["lost_answer"] for each in every),
        "refunds": sum(each["refunded"] for each in every),
    }
    _compare_sums(tally, books, [report["cost"] for report in reports])
    _compare_limits(tally, books, allowed)


def _of_row(ordered: dict[str, str], row: Row, made: list[Row]) -> Iterator[str]:
    """What is wrong with a row, by what the provider made for it."""
    prompt, state = row["prompt"], row["state"]
    why = (row["error"] or {}).get("message")
    if state not in {"failed", "stored"}:
        yield f"{prompt}: ended {state}: {why}"
    if state == "failed" and not why:
        yield f"{prompt}: failed without a reason"
    for each in made:
        if not meant(ordered, each["model"], each["inputs"]):
            yield f"{prompt}: prediction {each['id']} was asked for with other inputs"
        is_kept = state == "stored" and each["id"] == row["prediction_id"]
        if each["status"] == "completed" and not is_kept:
            yield f"{prompt}: {each['id']} is completed and not stored"
    paid = [each["id"] for each in made if not each["refunded"]]
    if len(paid) > 1:
        yield f"{prompt}: paid for {', '.join(paid)}"
    names = ("price_usd_micros", "refunded_usd_micros")
    booked = tuple(usd(sum(each[name] for each in made)) for name in names)
    told = (row["charged_usd"], row["refunded_usd"])
    if booked != told:
        yield f"{prompt}: booked {booked}, reported {told}"
    if state == "stored":
        yield from _of_video(row, {each["id"] for each in made})


def _of_video(row: Row, own: set[str]) -> Iterator[str]:
    """What is wrong with a stored video and the file beside it."""
    video = Path(row["video"])
    try:
        mp4.check(video)
        told = json.loads(video.with_suffix(".json").read_text("utf-8"))
    except (mp4.NotAVideoError, OSError, ValueError) as error:
        yield f"{row['prompt']}: {video.name}: {error}"
        return
    digest = hashlib.sha256(video.read_bytes()).hexdigest()
    facts = {
        "its digest": digest == told["sha256"] == row["sha256"],
        "its prompt": told["inputs"]["prompt"] == row["prompt"],
        "its prediction": told["prediction_id"] == row["prediction_id"],
        "a prediction of its own": told["prediction_id"] in own,
        "its price": told["charged_usd"] == row["charged_usd"],
    }
    for what, true in facts.items():
        if not true:
            yield f"{row['prompt']}: the provenance does not tell {what}"


def _compare_sums(tally: Tally, books: Row, costs: list[dict[str, str]]) -> None:
    for what in ("charged", "refunded"):
        booked = books[f"{what}_usd_micros"]
        told = sum(usd_micros(cost[f"{what}_usd"]) for cost in costs)
        words = f"${usd(booked)} in the books, ${usd(told)} in the reports"
        tally.figures[what] = words
        if booked != told:
            tally.problems.append(f"{what}: {words}")


def _compare_limits(tally: Tally, books: Row, allowed: Allowed) -> None:
    limits = {
        "worst_60s_starts": allowed.videos_per_minute,
        "most_concurrent": allowed.concurrent_videos,
        "key_leaks": 0,
    }
    for name, most in limits.items():
        words = f"{books[name]} of {most} allowed"
        tally.figures[name.replace("_", " ")] = words
        if books[name] > most:
            tally.problems.append(f"{name}: {words}")
