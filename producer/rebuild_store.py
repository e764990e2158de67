"""What a store tells of the batches of a ledger, for `rebuild`: copies and results.

That a video is there counts only where it is as large as its provenance says.
"""

import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from jobs import rebuilding
from jobs.job import POSTER_ENDING, Job
from jobs.rebuilding import Kept, copies
from jobs.rebuilding.copies import BatchCopy, BatchCopyError
from jobs.records import JobRecord
from jobs.states import State
from jobs.storage import Store

#: Small files of a store that are read side by side.
SIDE_BY_SIDE = 16

Row = Mapping[str, Any]


@dataclass(slots=True)
class StoreView:
    """A store, with the sizes of all that is there, in bytes by key."""

    store: Store
    sizes: Mapping[str, int] = field(init=False)
    #: Keys of all that may be provenance, in order.
    _told: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.sizes = self.store.sizes()
        self._told = sorted(name for name in self.sizes if name.endswith(".json"))

    def copies(
        self, ledger_name: str, ids: Sequence[str]
    ) -> tuple[list[BatchCopy], list[str]]:
        """The copies of these batches, oldest first, and a sentence for each bad one.

        Raises:
            StoreError: the store cannot be read.
        """
        found, bad = [], []
        for batch_id in ids:
            key = copies.key_of(ledger_name, batch_id)
            try:
                # Strictly: a letter that is guessed would make another prompt of it.
                copy = copies.read((self.store.get(key) or b"").decode())
            except (BatchCopyError, UnicodeDecodeError) as error:
                bad.append(f"{self.store.place(key)}: {error}")
                continue
            labels = self.report(batch_id).get("labels") or {}
            labels = {**labels, **copy.batch.labels}
            found.append(replace(copy, batch=replace(copy.batch, labels=labels)))
        return sorted(found, key=lambda copy: copy.batch.created_at_s), bad

    def report(self, batch_id: str) -> dict[str, Any]:
        """The last report of a batch; empty if there is none.

        Raises:
            StoreError: the store cannot be read.
        """
        return _object(self.store.get(f"{batch_id}/report.json"))

    def results(
        self, batch_id: str, jobs: Iterable[Job], known_until_s: float
    ) -> tuple[dict[str, JobRecord], float]:
        """How far these jobs of a batch had come, by their ids.

        Besides, unix seconds of the report that tells of them; 0 if none does.

        A report that was made before `known_until_s`, in unix seconds, tells nothing.

        Raises:
            StoreError: the store cannot be read.
        """
        report = self.report(batch_id)
        made_at_s = rebuilding.unix_s(report["made_at"]) if "made_at" in report else 0.0
        if made_at_s <= known_until_s:
            report, made_at_s = {}, 0.0
        rows = {row["id"]: row for row in report.get("rows", ())}

        def known(job: Job) -> JobRecord:
            row = self._checked(rows.get(job.id))
            return rebuilding.known(job, self._kept(batch_id, job), row)

        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            found = {record.job.id: record for record in pool.map(known, jobs)}
        return found, made_at_s

    def _checked(self, row: Row | None) -> Row | None:
        """A row of a report, without a poster or reused video that is not there."""
        if row is None or row["state"] != State.REUSED:
            return row
        key = str(row["video"]).removeprefix(f"{self.store.url}/")
        if self.sizes.get(key) != row["bytes"]:
            return None
        poster = row.get("poster")
        return {**row, "poster": poster if poster in self.sizes else None}

    def _kept(self, batch_id: str, job: Job) -> Kept | None:
        """The video of a job, where it lies in the store whole."""
        stem = job.key.removesuffix(".mp4")
        videos = (self._video(batch_id, job, each) for each in self._places(stem))
        return next(filter(None, videos), None)

    def _places(self, stem: str) -> Iterator[str]:
        """Where a video may lie: if a row has its name, beside that, by prediction."""
        yield stem
        first = bisect_left(self._told, f"{stem}-")
        for name in islice(self._told, first, None):
            if not name.startswith(f"{stem}-"):
                return
            yield name.removesuffix(".json")

    def _video(self, batch_id: str, job: Job, place: str) -> Kept | None:
        size = self.sizes.get(f"{place}.mp4")
        if size is None or f"{place}.json" not in self.sizes:
            return None
        told = _object(self.store.get(f"{place}.json"))
        if (told.get("batch"), told.get("job"), told.get("bytes")) != (
            *(batch_id, job.id),
            size,
        ):
            return None
        # Of a worker that died meanwhile it was told and not kept.
        poster = place + POSTER_ENDING if told.get("poster") else None
        poster = poster if poster in self.sizes else None
        return Kept(self.store.place(f"{place}.mp4"), size, told, poster)


def _object(raw: bytes | None) -> dict[str, Any]:
    try:
        told = json.loads(raw or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
