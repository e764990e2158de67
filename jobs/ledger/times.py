"""How long the provider takes, learnt from what it finished."""

from collections.abc import Mapping, Sequence

from jobs.ledger import keys
from jobs.ledger.server import Server

#: Newest generation times that are kept for one model and duration.
KEPT = 200


class Times:
    """Generation times by model and duration."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def learn(
        self, account_id: str, took_s: Mapping[tuple[str, int], Sequence[float]]
    ) -> None:
        """Predictions took so long, by model and duration, the newest last."""
        pipeline = self._server.pipeline(transaction=False)
        for (model, duration_s), times in took_s.items():
            key = keys.times(account_id, model, duration_s)
            pipeline.lpush(key, *(f"{time_s:.2f}" for time_s in times))
            pipeline.ltrim(key, 0, KEPT - 1)
        pipeline.execute()

    def learnt(self, account_id: str, model: str, duration_s: int) -> list[float]:
        """Generation times in seconds, newest first."""
        key = keys.times(account_id, model, duration_s)
        return [float(took) for took in self._server.lrange(key, 0, -1)]
