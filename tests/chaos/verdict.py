"""Whether all is well in the end: the ledger, the books, the store and the reports.

The books are the stand-in provider's own, so they know of every prediction, also of
those whose answer nobody got. What one side says is compared with the other; nothing
here asks reelmill whether it did well.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.ledger import Ledger
from jobs.money import usd, usd_micros
from tests.audit import audit
from tests.chaos.orders import Orders, meant
from tests.chaos.tally import Tally
from tests.chaos.weather import Allowed
from tests.producer.running import Desk, until
from tests.sandbox.running import RunningSandbox
from worker import mp4

Prediction = dict[str, Any]
Reported = dict[str, Any]

#: How a prediction stands before it is over.
AT_WORK = {"created", "processing"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What both sides say when all is over."""

    books: Mapping[str, Any]
    #: Predictions by the prompt of the row they were made for, strangers' left out.
    predictions: Mapping[str, list[Prediction]]
    #: Rows of the reports by their prompts.
    reported: Mapping[str, Reported]
    costs: list[Mapping[str, str]]

    def sum_usd_micros(self, name: str) -> int:
        """One amount over all reports."""
        return sum(usd_micros(cost[name]) for cost in self.costs)


def gather(sandbox: RunningSandbox, place: Desk) -> Evidence:
    """Both sides' word, once nothing is at work at the provider any more."""

    def whole_books() -> Mapping[str, Any] | None:
        books = sandbox.books(rows=True)
        return None if {r["status"] for r in books["rows"]} & AT_WORK else books

    books = until(whole_books)
    predictions = defaultdict(list)
    for row in books["rows"]:
        if not row["stranger"]:
            predictions[row["inputs"]["prompt"]].append(row)
    paths = place.store.glob("*/report.json")
    reports = [json.loads(path.read_text("utf-8")) for path in sorted(paths)]
    reported = {row["prompt"]: row for report in reports for row in report["rows"]}
    return Evidence(books, predictions, reported, [r["cost"] for r in reports])


def judge(
    tally: Tally,
    sandbox: RunningSandbox,
    place: Desk,
    ledger: Ledger,
    orders: Orders,
    allowed: Allowed,
) -> None:
    """Take down the figures, and whatever is not as it should be."""
    evidence = gather(sandbox, place)
    (account,) = {
        b.account for i in ledger.batches.ids() if (b := ledger.batches.read(i))
    }
    tally.problems += audit(ledger, account)
    tally.audits += 1
    _every_row_is_accounted_for(tally, evidence, orders)
    _no_row_is_paid_twice(tally, evidence)
    _no_video_is_lost(tally, evidence)
    _the_reports_equal_the_books(tally, evidence)
    _limits_are_kept(tally, evidence, allowed)
    for row in evidence.reported.values():
        if row["state"] == "stored":
            _the_video_is_its_own(tally, row, evidence)
    _figures(tally, evidence)


def _every_row_is_accounted_for(
    tally: Tally, evidence: Evidence, orders: Orders
) -> None:
    tally.expect(
        evidence.reported.keys() == orders.rows.keys(),
        "the reports do not have the rows of the manifests",
    )
    for prompt, row in evidence.reported.items():
        if row["state"] == "failed":
            told = row["error"] and row["error"]["message"]
            tally.expect(told, f"{prompt}: failed without a reason")
        elif row["state"] != "stored":
            why = row["error"] and row["error"]["message"]
            tally.problems.append(f"{prompt}: ended {row['state']}: {why}")
    for prompt, predictions in evidence.predictions.items():
        for each in predictions:
            tally.expect(
                meant(orders.rows[prompt], each["model"], each["inputs"]),
                f"{prompt}: prediction {each['id']} was asked for with other inputs",
            )


def _no_row_is_paid_twice(tally: Tally, evidence: Evidence) -> None:
    twice = 0
    for prompt, predictions in evidence.predictions.items():
        paid = [each["id"] for each in predictions if not each["refunded"]]
        if len(paid) > 1:
            twice += 1
            tally.problems.append(f"{prompt}: paid for {', '.join(paid)}")
    tally.figures["rows paid twice"] = twice


def _no_video_is_lost(tally: Tally, evidence: Evidence) -> None:
    lost = 0
    for prompt, predictions in evidence.predictions.items():
        row = evidence.reported.get(prompt, {})
        kept = row.get("prediction_id") if row.get("state") == "stored" else None
        for each in predictions:
            if each["status"] == "completed" and each["id"] != kept:
                lost += 1
                tally.problems.append(
                    f"{prompt}: {each['id']} is completed and not stored"
                )
    tally.figures["videos lost"] = lost


def _the_reports_equal_the_books(tally: Tally, evidence: Evidence) -> None:
    for what in ("charged", "refunded"):
        in_books = evidence.books[f"{what}_usd_micros"]
        in_reports = evidence.sum_usd_micros(f"{what}_usd")
        tally.figures[f"{what}, books and reports"] = (
            f"${usd(in_books)} and ${usd(in_reports)}"
        )
        tally.expect(
            in_books == in_reports,
            f"{what}: ${usd(in_books)} in the books, ${usd(in_reports)} in the reports",
        )
    for prompt, row in evidence.reported.items():
        own = evidence.predictions.get(prompt, [])
        charged = sum(each["price_usd_micros"] for each in own)
        refunded = sum(each["refunded_usd_micros"] for each in own)
        booked = (usd(charged), usd(refunded))
        told = (row["charged_usd"], row["refunded_usd"])
        tally.expect(booked == told, f"{prompt}: booked {booked}, reported {told}")


def _limits_are_kept(tally: Tally, evidence: Evidence, allowed: Allowed) -> None:
    books = evidence.books
    limits = {
        "worst_60s_starts": allowed.videos_per_minute,
        "most_concurrent": allowed.concurrent_videos,
        "key_leaks": 0,
    }
    for name, most in limits.items():
        told = name.replace("_", " ")
        tally.figures[told] = f"{books[name]} of {most} allowed"
        tally.expect(books[name] <= most, f"{told}: {books[name]}, allowed are {most}")


def _the_video_is_its_own(tally: Tally, row: Reported, evidence: Evidence) -> None:
    video = Path(row["video"])
    try:
        mp4.check(video)
        told = json.loads(video.with_suffix(".json").read_text("utf-8"))
    except (mp4.NotAVideoError, OSError, ValueError) as error:
        tally.problems.append(f"{row['prompt']}: {video.name}: {error}")
        return
    digest = hashlib.sha256(video.read_bytes()).hexdigest()
    own = {each["id"] for each in evidence.predictions[row["prompt"]]}
    facts = {
        "its digest": digest == told["sha256"] == row["sha256"],
        "its prompt": told["inputs"]["prompt"] == row["prompt"],
        "its prediction": told["prediction_id"] == row["prediction_id"],
        "a prediction of its own": told["prediction_id"] in own,
        "its price": told["charged_usd"] == row["charged_usd"],
    }
    for what, true in facts.items():
        tally.expect(true, f"{row['prompt']}: the provenance does not tell {what}")


def _figures(tally: Tally, evidence: Evidence) -> None:
    every = [each for own in evidence.predictions.values() for each in own]
    states = Counter(row["state"] for row in evidence.reported.values())
    refunds = [each for each in every if each["refunded"]]
    tally.figures |= {
        "jobs": " · ".join(f"{n} {state}" for state, n in states.items()),
        "predictions": len(every),
        "strangers' predictions": evidence.books["strangers"],
        "answers that the provider lost": sum(e["lost_answer"] for e in every),
        "refunds": len(refunds),
        "wasted": f"${usd(evidence.sum_usd_micros('wasted_usd'))}",
    }
