"""The copy of a batch that lies in its store: what a lost ledger is rebuilt from.

One line of JSON for the batch, one for each job, as they were asked for, and one that
tells how many jobs there are, so that a copy that was cut is known for one; nothing
that happened to them, for that is told by provenance, reports and the provider. Pure:
who writes copies and looks for them is `producer.batch_copies`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from jobs.attempt.links import Link
from jobs.job import Job
from jobs.records import BatchRecord

#: Where copies lie in a store, below the name of the ledger that they are of.
FOLDER = ".reelmill"

#: The settings of a batch that are copied.
FIELDS = (
    *("id", "manifest", "account", "store", "priority", "attempts"),
    *("budget_usd_micros", "created_at_s", "fresh", "folder", "labels"),
)

#: What copies of earlier versions do not have.
NEWER: Mapping[str, object] = {"labels": {}}


class BatchCopyError(ValueError):
    """A file that no batch can be read from."""


@dataclass(frozen=True, slots=True)
class BatchCopy:
    """A batch and its jobs as they were asked for."""

    batch: BatchRecord
    jobs: tuple[Job, ...]
    #: Uploads by the content of the picture.
    links: Mapping[str, Link] = field(default_factory=dict)


def key_of(ledger_name: str, batch_id: str) -> str:
    """Where the copy of a batch lies in its store."""
    return f"{FOLDER}/{ledger_name}/{batch_id}.jsonl"


def marks_folder(ledger_name: str) -> str:
    """Where the marks of a ledger lie in a store; see `jobs.ledger.marks`."""
    return f"{FOLDER}/{ledger_name}/marks"


def named(key: str) -> tuple[str, str] | None:
    """Ledger and batch of a copy by its key; None if it is the key of none."""
    folder, _, rest = key.partition("/")
    ledger_name, _, file = rest.partition("/")
    if folder != FOLDER or "/" in file or not file.endswith(".jsonl"):
        return None
    return ledger_name, file.removesuffix(".jsonl")


def lines(
    batch: BatchRecord, jobs: Iterable[tuple[Job, Mapping[str, Link]]]
) -> Iterator[str]:
    """The text of a copy; with each job the links of its uploads, by content."""
    count = 0
    settings = {name: getattr(batch, name) for name in FIELDS}
    settings["labels"] = dict(batch.labels)
    yield json.dumps(settings, ensure_ascii=False) + "\n"
    for job, links in jobs:
        text = job.to_json().removesuffix("}")
        told = {c: [link.url, link.until_s] for c, link in links.items()}
        yield f'{text},"links":{json.dumps(told) if told else "{}"}}}\n'
        count += 1
    yield json.dumps({"jobs": count}) + "\n"


def read(text: str) -> BatchCopy:
    """The copy that `lines` wrote.

    Raises:
        BatchCopyError: it is none, or not whole.
    """
    # Not by lines as Unicode has them: a prompt may hold such an end of a line.
    first, *rest = text.removesuffix("\n").split("\n")
    try:
        _check_closed(rest)
        *rest, _ = rest
        settings = {**NEWER, **json.loads(first)}
        batch = BatchRecord(complete=False, **{name: settings[name] for name in FIELDS})
        links: dict[str, Link] = {}
        for line in rest:
            links |= {c: Link(*pair) for c, pair in json.loads(line)["links"].items()}
        return BatchCopy(batch, tuple(map(Job.from_json, rest)), links)
    except BatchCopyError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BatchCopyError(f"no copy of a batch ({error})") from None


def _check_closed(rest: Sequence[str]) -> None:
    """Return if the last of these lines counts those before it."""
    last = json.loads(rest[-1]) if rest else {}
    if "jobs" not in last:
        raise BatchCopyError("the copy of a batch is cut off: its last line is missing")
    if last["jobs"] != len(rest) - 1:
        raise BatchCopyError(
            f"the copy of a batch has {len(rest) - 1} of its {last['jobs']} jobs"
        )
