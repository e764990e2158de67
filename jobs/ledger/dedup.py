"""Twins: jobs that ask for the same video, in any batch of one store.

One of them leads: it makes the video and pays for it. The others follow it until the
video is stored and is theirs too; if it fails, one of them leads instead. What counts
as the same is decided in `attempt.fingerprint`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.attempt.fingerprint import FingerprintedJob
from jobs.ledger import keys
from jobs.ledger.server import Part
from jobs.records import BatchRecord
from jobs.states import State
from jobs.transitions import Ref


@dataclass(frozen=True, slots=True)
class DedupPreview:
    """What would become of a job if it were added now."""

    #: `waiting` if it makes its video itself, `following`, `reused`, or where it is in
    #: its batch already.
    state: State
    #: The job it would follow, reuse or take over; None if nobody asked for the same.
    source_job: Ref | None = None
    #: Where the video is that it would reuse.
    video: str = ""
    video_bytes: int | None = None


#: Of a job that nobody asked for before.
_NONE = DedupPreview(State.WAITING)


class Dedup(Part):
    """Who asks for the same video."""

    def preview(
        self,
        batch: BatchRecord,
        asked: Sequence[FingerprintedJob],
        *,
        alone: bool = False,
    ) -> list[DedupPreview]:
        """What would become of these jobs of a batch, in order; changes nothing.

        With `alone` it is told as if all other batches were put aside.
        """
        args: list[object] = [batch.id, batch.store, batch.account, int(alone)]
        for job, ask in asked:
            args += (job.id, *ask)
        flat = self._scripts.run("dedup_preview", *args)
        found = [_NONE] * len(asked)
        for i in range(0, len(flat), 5):
            found[int(flat[i]) - 1] = _prospect(*flat[i + 1 : i + 5])
        return found

    def forget(
        self, store: str, asked: FingerprintedJob, source_job: Ref | None
    ) -> None:
        """The video of a job is gone from its store: nobody shall reuse it."""
        key, read = keys.asked(store), self._server.get
        for name in filter(None, asked.ask):
            if self._server.hget(key, name) == str(source_job):
                self._server.hdel(key, name)
            names, text = [name], read(keys.left(store, name)) or ""
            if text.startswith("="):
                names.append(text[1:])
                text = read(keys.left(store, text[1:])) or ""
            if text and json.loads(text)["ref"] == str(source_job):
                self._server.delete(*(keys.left(store, each) for each in names))

    def followed(self, refs: Sequence[Ref]) -> set[Ref]:
        """Those of these jobs whose video a job of another batch waits for."""
        return {
            ref for ref in refs if self._server.smembers(keys.job(ref, "followers"))
        }

    def follow(self, account_id: str, refs: Sequence[Ref]) -> None:
        """Let jobs that follow look at the ones they follow."""
        if refs:
            self._run("follow", account_id, *refs)


def _prospect(state: str, source_job: str, video: str, size: str) -> DedupPreview:
    found = Ref.parse(source_job) if source_job else None
    return DedupPreview(State(state), found, video, int(size) if size else None)
