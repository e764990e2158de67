"""Polling batches: as seldom as nothing happens, and cheaply.

A poll is one round trip; what waits in the batches is asked for once a minute. The
caller waits until the next.
"""

from collections.abc import Sequence

from jobs.ledger import Ledger
from producer.watching.eta import Pace, left
from producer.watching.status import Snapshot, take_all

#: Seconds to the next poll where something has changed, and the most where nothing has.
SOONEST_S, LATEST_S = 1.0, 5.0

#: The wait grows so much with each poll that finds nothing new.
SLOWER = 1.5

#: Seconds between two polls at what waits, and where nothing could be planned yet, as
#: before the first worker has told the account's limits.
MIXED_EVERY_S, UNPLANNED_EVERY_S = 60.0, 5.0


class Poller:
    """Polls some batches, and keeps what was seen of their pace."""

    def __init__(self, ledger: Ledger, batch_ids: Sequence[str]) -> None:
        self._ledger = ledger
        self._batch_ids = list(batch_ids)
        self._news: list[object] = []
        self._mixed_from_s = 0.0
        self._now_s = 0.0
        #: What was seen of each batch, by its id.
        self.paces = {batch_id: Pace() for batch_id in batch_ids}
        #: Seconds to wait before the next poll.
        self.rest_s = SOONEST_S

    def poll(self) -> list[Snapshot]:
        """How the batches stand.

        Raises:
            LookupError: one of them is not there.
        """
        mixed = self._now_s >= self._mixed_from_s
        nows = take_all(self._ledger, self._batch_ids, mixed=mixed)
        self._now_s = max(now.now_s for now in nows)
        for now in nows:
            self.paces[now.batch.id] = self.paces[now.batch.id].after(now)
        if mixed:
            planned = all(
                self.paces[n.batch.id].planned_end_s or not left(n) for n in nows
            )
            every_s = MIXED_EVERY_S if planned else UNPLANNED_EVERY_S
            self._mixed_from_s = self._now_s + every_s
        news = [now.news for now in nows]
        still = news == self._news
        self.rest_s = min(LATEST_S, self.rest_s * SLOWER) if still else SOONEST_S
        self._news = news
        return nows
