"""Two batches beside each other: what changed from one night to the next, row by row.

Rows are the same if their ids are. It decides what counts as a change: another model,
another input, another picture (by its content where both are known, for a signed
address changes every night and its content does not). How it looks is `markdown`'s and
the command line's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.catalogue import Catalogue
from jobs.catalogue.inputs import Input
from jobs.pricing import usd
from jobs.records import BatchRecord, JobRecord
from jobs.report.formats import iso
from jobs.report.sums import Sum
from jobs.report.timeline import ended_at_s
from jobs.report.times import Times, generated_s
from jobs.states import State
from jobs.wording import plain

HAVING = frozenset({State.STORED, State.REUSED})

#: What a changed picture is called that lies where the old one lay.
SAME_ADDRESS = "another picture under the same address"

#: Characters of a value that a change shows.
SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Night:
    """One of the two batches, with all its jobs."""

    batch: BatchRecord
    jobs: Mapping[str, JobRecord]
    total: Sum

    @classmethod
    def of(cls, batch: BatchRecord, records: Iterable[JobRecord]) -> "Night":
        """A batch and its jobs."""
        jobs, total = {}, Sum()
        for record in records:
            jobs[record.job.id] = record
            total.add(record)
        return cls(batch, jobs, total)


def comparison(before: Night, after: Night, catalogue: Catalogue) -> dict[str, Any]:
    """What changed from `before` to `after`, as a document.

    Its amounts are decimal strings. Rows come in the order of their manifest.
    """
    both = [
        (before.jobs[job_id], record)
        for job_id, record in after.jobs.items()
        if job_id in before.jobs
    ]
    new = [r for job_id, r in after.jobs.items() if job_id not in before.jobs]
    gone = [r for job_id, r in before.jobs.items() if job_id not in after.jobs]
    changed = ((then, now, changes(then, now, catalogue)) for then, now in both)
    failed = State.FAILED
    return {
        "before": _told_night(before),
        "after": _told_night(after),
        "net_difference_usd": usd(_net(after.total) - _net(before.total)),
        "same": len(both),
        "new": [_row(record) for record in new],
        "gone": [_row(record) for record in gone],
        "changed": [_row(now) | {"changes": c} for _, now, c in changed if c],
        "newly_failed": _pairs(
            both, lambda then, now: now == failed and then != failed
        ),
        "still_failed": _pairs(both, lambda then, now: now == failed == then),
        "now_stored": _pairs(
            both, lambda then, now: now in HAVING and then not in HAVING
        ),
        "times": list(_times(before, after)),
    }


def changes(
    then: JobRecord, now: JobRecord, catalogue: Catalogue
) -> list[dict[str, str]]:
    """What is asked of a row differently than before, input by input."""
    found = []
    if then.job.model != now.job.model:
        found.append(_change("model", then.job.model, now.job.model))
    known_then, known_now = _inputs(then, catalogue), _inputs(now, catalogue)
    for name in dict.fromkeys([*now.job.inputs, *then.job.inputs]):
        old = _value(then, name, known_then.get(name))
        new = _value(now, name, known_now.get(name))
        spec = known_now.get(name) or known_then.get(name)
        is_picture = bool(spec and spec.is_picture)
        if _same_pictures(then, now, old, new) if is_picture else old == new:
            continue
        told = _change(name, old, new)
        if old == new:
            told["after"] = SAME_ADDRESS
        found.append(told)
    return found


def _inputs(record: JobRecord, catalogue: Catalogue) -> Mapping[str, Input]:
    """What is known of the inputs of a job's model."""
    model = catalogue.models.get(record.job.model)
    return model.inputs if model else {}


def _value(record: JobRecord, name: str, spec: Input | None) -> object:
    """An input, or what the provider takes where it is left out."""
    return record.job.inputs.get(name, spec.default if spec else None)


def _same_pictures(then: JobRecord, now: JobRecord, old: object, new: object) -> bool:
    """Whether two values show the same: by content, or else as they are written."""
    before, after = _several(old), _several(new)
    return len(before) == len(after) and all(
        _is_same(then.job.contents.get(a), now.job.contents.get(b), a == b)
        for a, b in zip(before, after, strict=True)
    )


def _is_same(old: str | None, new: str | None, written: bool) -> bool:  # noqa: FBT001 - one of three answers
    return old == new if old and new else written


def _several(value: object) -> list[str]:
    """The addresses of an input that holds one picture, several or none."""
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _change(what: str, old: object, new: object) -> dict[str, str]:
    return {"what": what, "before": _shown(old), "after": _shown(new)}


def _shown(value: object) -> str:
    text = "" if value is None else plain(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"


def _net(total: Sum) -> int:
    return total.charged_usd_micros - total.refunded_usd_micros


def _told_night(night: Night) -> dict[str, Any]:
    cost, first_s, last_s = night.total.cost(), *_span_s(night)
    return {
        "batch": night.batch.id,
        "manifest": night.batch.manifest,
        "created_at": iso(night.batch.created_at_s),
        "jobs": night.total.counts(),
        "charged_usd": cost["charged_usd"],
        "refunded_usd": cost["refunded_usd"],
        "net_usd": cost["net_usd"],
        "wasted_usd": cost["wasted_usd"],
        "took_s": round(last_s - first_s, 1),
    }


def _span_s(night: Night) -> tuple[float, float]:
    """When its first attempt was sent and its last one ended; equal if none did."""
    sent, ended = [], []
    for record in night.jobs.values():
        for attempt in record.attempts:
            sent.append(attempt.sent_at_s)
            end_s = ended_at_s(record, attempt)
            ended += [] if end_s is None else [end_s]
    return (min(sent), max(ended)) if ended else (0.0, 0.0)


def _row(record: JobRecord) -> dict[str, Any]:
    net_usd_micros = record.charged_usd_micros - record.refunded_usd_micros
    return {
        "id": record.job.id,
        "line": record.job.line,
        "model": record.job.model,
        "state": record.state.value,
        "net_usd": usd(net_usd_micros),
        "error": record.failure.message if record.failure else None,
    }


def _pairs(
    both: Iterable[tuple[JobRecord, JobRecord]],
    fits: Callable[[State, State], bool],
) -> list[dict[str, Any]]:
    """Rows of both nights whose states fit, with what became of them before."""
    return [
        _row(now) | {"before": then.state.value}
        for then, now in both
        if fits(then.state, now.state)
    ]


def _times(before: Night, after: Night) -> Iterator[dict[str, Any]]:
    """How long the videos of each model and length took, as the middle of all."""
    then, now = _middles(before), _middles(after)
    for kind in dict.fromkeys([*then, *now]):
        yield {
            "model": kind[0],
            "duration_s": kind[1],
            "before_p50_s": then.get(kind),
            "after_p50_s": now.get(kind),
        }


def _middles(night: Night) -> dict[tuple[str, int | None], float]:
    times = Times()
    for record in night.jobs.values():
        times.add(record.job.model, record.job.duration_s, generated_s(record))
    return {(one["model"], one["duration_s"]): one["p50_s"] for one in times.told()}
