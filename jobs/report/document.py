"""The report of a batch: what became of each row and what it cost.

It adds up what the ledger says and puts the next step beside each trouble; it asks
neither the ledger nor the clock nor the provider. The same document becomes a page in
`page` and a spreadsheet in `sheet`; the command line makes its table for a terminal.
"""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jobs.job import Job
from jobs.pricing import usd
from jobs.records import Attempt, BatchRecord, Failure, JobRecord
from jobs.states import FINAL, WATCHED, State

#: Seconds that a prediction and its outputs are kept after it was made.
#: Source: https://wavespeed.ai/docs/what-are-predictions (seven days).
KEPT_S = 7 * 24 * 3600.0

#: Seconds before the end of `KEPT_S` from which a video not yet stored is at risk.
RISK_S = 2 * 24 * 3600.0

#: Outcomes of attempts that can no longer lead to a video.
FRUITLESS = frozenset({"failed", "refused", "unsent", "absent"})


def report(
    batch: BatchRecord, jobs: Iterable[JobRecord], now_s: float
) -> dict[str, Any]:
    """The document that is kept as `report.json`: its amounts are decimal strings.

    Its totals are the sums of its rows. `now_s` is in Unix seconds.
    """
    whole = _Sum()
    kinds: dict[tuple[str, int | None], _Sum] = {}
    rows = []
    for record in jobs:
        whole.add(record, now_s)
        kind = record.job.model, record.job.duration_s
        kinds.setdefault(kind, _Sum()).add(record, now_s)
        rows.append(_row(batch, record))
    rows.sort(key=lambda row: (row["line"], row["id"]))
    finished = batch.complete and not whole.unfinished and not whole.unresolved
    return {
        "batch": batch.id,
        "state": "finished" if finished else "incomplete",
        "jobs": whole.counts(),
        "cost": whole.cost() | {"budget_usd": _usd_or_none(batch.budget_usd_micros)},
        "warnings": _warnings(batch, whole),
        "by_model": [
            {"model": model, "duration_s": duration_s} | kinds[model, duration_s].line()
            for model, duration_s in sorted(kinds, key=lambda at: (at[0], at[1] or 0))
        ],
        "manifest": batch.manifest,
        "account": batch.account,
        "store": batch.store,
        "created_at": _iso(batch.created_at_s),
        "made_at": _iso(now_s),
        "rows": rows,
    }


def json_chunks(document: Mapping[str, Any]) -> Iterator[str]:
    """The document as JSON in pieces, so that its text need not be held whole."""
    head = {name: value for name, value in document.items() if name != "rows"}
    yield json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}")
    yield ',\n "rows": ['
    for number, row in enumerate(document["rows"]):
        yield ",\n  " if number else "\n  "
        yield json.dumps(row, ensure_ascii=False)
    yield "\n ]\n}\n"


def as_json(document: Mapping[str, Any]) -> str:
    """The document as JSON, one row a line."""
    return "".join(json_chunks(document))


@dataclass(slots=True)
class _Sum:
    """Jobs and money added up; the only thing here that changes."""

    states: Counter[State] = field(default_factory=Counter)
    estimated_usd_micros: int = 0
    charged_usd_micros: int = 0
    refunded_usd_micros: int = 0
    wasted_usd_micros: int = 0
    at_stake: list[int | None] = field(default_factory=list)
    unpriced: int = 0
    at_risk: int = 0

    def add(self, record: JobRecord, now_s: float) -> None:
        """Count one job."""
        price = _price_usd_micros(record)
        self.states[record.state] += 1
        self.estimated_usd_micros += price or 0
        self.charged_usd_micros += record.charged_usd_micros
        self.refunded_usd_micros += record.refunded_usd_micros
        self.wasted_usd_micros += _wasted_usd_micros(record)
        self.unpriced += price is None
        self.at_risk += _is_at_risk(record, now_s)
        if record.state is State.UNRESOLVED:
            self.at_stake.append(price)

    @property
    def unresolved(self) -> int:
        """Jobs that a person has to settle."""
        return self.states[State.UNRESOLVED]

    @property
    def unfinished(self) -> int:
        """Jobs that still go on by themselves."""
        final = sum(self.states[state] for state in FINAL)
        return self.states.total() - final - self.unresolved

    def counts(self) -> dict[str, int]:
        """Jobs by what became of them."""
        return {
            "total": self.states.total(),
            "stored": self.states[State.STORED],
            "reused": self.states[State.REUSED],
            "failed": self.states[State.FAILED],
            "cancelled": self.states[State.CANCELLED],
            "unresolved": self.unresolved,
            "unfinished": self.unfinished,
        }

    def cost(self) -> dict[str, Any]:
        """The figures of money; `estimated_usd` leaves out the `unpriced` jobs."""
        net_usd_micros = self.charged_usd_micros - self.refunded_usd_micros
        return {
            "estimated_usd": usd(self.estimated_usd_micros),
            "unpriced": self.unpriced,
            "charged_usd": usd(self.charged_usd_micros),
            "refunded_usd": usd(self.refunded_usd_micros),
            "net_usd": usd(net_usd_micros),
            "wasted_usd": usd(self.wasted_usd_micros),
        }

    def line(self) -> dict[str, Any]:
        """Both of them, as one line of `by_model`."""
        counts = self.counts()
        return {"jobs": counts.pop("total")} | counts | self.cost()


def _price_usd_micros(record: JobRecord) -> int | None:
    """What a job is to cost: nothing where the video of another serves."""
    if record.state in {State.REUSED, State.FOLLOWING}:
        return 0
    return record.job.price_usd_micros


def _wasted_usd_micros(record: JobRecord) -> int:
    """What was charged, is not given back and has no video, nor will have one."""
    hopeful = record.state is State.STORED or record.state in WATCHED
    last = record.attempts[-1] if record.attempts else None
    return sum(
        attempt.charged_usd_micros - attempt.refunded_usd_micros
        for attempt in record.attempts
        if not (hopeful and attempt is last and attempt.outcome not in FRUITLESS)
    )


def _is_at_risk(record: JobRecord, now_s: float) -> bool:
    """Whether the provider may soon delete a video that is paid and not stored."""
    if record.state not in {State.GENERATING, State.GENERATED} or not record.attempts:
        return False
    made_at_s = record.generated_at_s or record.attempts[-1].sent_at_s
    return now_s > made_at_s + KEPT_S - RISK_S


def _warnings(batch: BatchRecord, whole: _Sum) -> list[str]:
    """What a person should know or do, most pressing first."""
    name = shlex.quote(batch.id)
    said = []
    if whole.at_risk:
        said.append(
            f"Paid and not stored after five days: {whole.at_risk}. The provider "
            f"deletes videos after seven days; start a worker now."
        )
    if whole.unresolved:
        said.append(
            f"Unresolved: {whole.unresolved}, with {_amount(whole.at_stake)} at stake. "
            f"Settle each with: reelmill resolve {name} JOB"
        )
    if batch.stopped_by == "budget":
        budget = _usd_or_none(batch.budget_usd_micros) or "0.00"
        said.append(f"Stopped by its budget of ${budget}. Raise it to go on: --budget")
    elif batch.stopped_by == "daily-budget":
        said.append(
            "Stopped by the account's budget of the day. It goes on tomorrow (UTC), "
            "or with a larger one: REELMILL_DAILY_BUDGET"
        )
    elif batch.stopped_by:
        said.append(f"Stopped by {batch.stopped_by}. See: reelmill show {name}")
    if batch.aside:
        said.append(
            "Set aside while another batch is rendered. Go on with the command that "
            "began it."
        )
    if batch.paused:
        said.append(f"Paused by a person. Go on with: reelmill resume {name}")
    if not batch.complete:
        said.append("Not all rows of the manifest are in yet: submit it once more.")
    if whole.unpriced:
        said.append(
            f"Without a known price: {whole.unpriced}. They are in no estimate; "
            f"the provider's invoice tells what they cost."
        )
    return said


def _amount(prices: list[int | None]) -> str:
    """The sum of prices in words, so that an unknown one is never taken for 0."""
    known = [price for price in prices if price is not None]
    said = [f"${usd(sum(known))}"] if known else []
    said += ["an unknown amount"] if len(known) < len(prices) else []
    return " and ".join(said)


def _row(batch: BatchRecord, record: JobRecord) -> dict[str, Any]:
    job = record.job
    kept = (record.video or "").removeprefix(f"{batch.store}/")
    return {
        "id": job.id,
        "line": job.line,
        "model": job.model,
        "duration_s": job.duration_s,
        "prompt": _prompt(job),
        "image": job.image,
        "state": record.state.value,
        "video": record.video,
        "key": kept if kept != record.video and kept else job.key,
        "bytes": record.video_bytes,
        "sha256": record.video_sha256,
        "prediction_id": record.prediction_id,
        "reused_from": record.leader if record.state is State.REUSED else None,
        "attempts": [_attempt(attempt) for attempt in record.attempts],
        "estimated_usd": _usd_or_none(_price_usd_micros(record)),
        "charged_usd": usd(record.charged_usd_micros),
        "refunded_usd": usd(record.refunded_usd_micros),
        "error": _error(batch.id, record),
        "data": dict(job.data),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    failure = attempt.failure
    return {
        "number": attempt.number,
        "prediction_id": attempt.prediction_id,
        "outcome": attempt.outcome,
        "sent_at": _iso(attempt.sent_at_s),
        "charged_usd": usd(attempt.charged_usd_micros),
        "refunded_usd": usd(attempt.refunded_usd_micros),
        "error": failure and {"code": failure.code, "message": failure.message},
    }


def _error(batch: str, record: JobRecord) -> dict[str, str] | None:
    """Why there is no video, and what to do about it; None where all is well."""
    failure = record.failure
    if failure is None:
        if record.state not in {State.FAILED, State.UNRESOLVED}:
            return None
        failure = Failure(record.state.value, "No reason was written down.")
    return {
        "code": failure.code,
        "message": failure.message,
        "next_step": _next_step(batch, record, failure.code),
    }


def _next_step(batch: str, record: JobRecord, code: str) -> str:
    which = shlex.join([batch, record.job.id])
    if record.state is State.UNRESOLVED:
        return f"Look at its candidates and settle it: reelmill resolve {which}"
    if record.state is not State.FAILED:
        return "Nothing: it goes on by itself."
    match code:
        case "moderation":
            return "Change its prompt or picture: unchanged it is refused again."
        case "refused" | "bad-parameter":
            return "Correct its row and run it in a manifest of its own."
        case "picture-unreachable":
            return f"Let the provider reach its picture, then: reelmill retry {which}"
        case _:
            return f"Pay for a new attempt: reelmill retry {which}"


def _prompt(job: Job) -> str:
    """What the person asked to see; the shots of a multi-shot job one by one."""
    shots = job.inputs.get("multi_prompt") or ()
    several = [shot["prompt"] for shot in shots if shot.get("prompt")]
    return str(job.inputs.get("prompt") or " / ".join(several))


def _usd_or_none(micros: int | None) -> str | None:
    return None if micros is None else usd(micros)


def _iso(at_s: float) -> str:
    when = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
    return when.replace("+00:00", "Z")
