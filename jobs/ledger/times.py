"""How long the provider takes, learnt from what it finished."""

from jobs.ledger import keys
from jobs.ledger.server import Server

#: Newest generation times that are kept for one model and duration.
KEPT = 200


class Times:
    """Generation times by model and duration."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def learn(
        self, account_id: str, model: str, duration_s: int, took_s: float
    ) -> None:
        """One more prediction took so long."""
        key = keys.times(account_id, model, duration_s)
        pipeline = self._server.pipeline(transaction=False)
        pipeline.lpush(key, f"{took_s:.2f}")
        pipeline.ltrim(key, 0, KEPT - 1)
        pipeline.execute()

    def learnt(self, account_id: str, model: str, duration_s: int) -> list[float]:
        """Generation times in seconds, newest first."""
        key = keys.times(account_id, model, duration_s)
        return [float(took) for took in self._server.lrange(key, 0, -1)]
