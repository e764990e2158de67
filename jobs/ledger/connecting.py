"""How redis-py is told where the ledger's server is.

Nothing is repeated behind our back: a step that was taken but whose answer was lost
must be seen as such by whoever took it.
"""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from jobs.redis_url import RedisUrl


class _Watched(redis.Redis):
    """A client of whichever server the sentinels call master now."""

    sentinels: Sentinel

    def close(self) -> None:
        super().close()
        self.sentinels.close()


def client(where: RedisUrl, timeout_s: float) -> redis.Redis:
    """A client of the server at an address, or of the one that sentinels name."""
    common: dict[str, Any] = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }
    user = {"username": where.username, "password": where.password}
    own = {**common, **user, "db": where.db, "decode_responses": True}
    if where.socket:
        return redis.Redis(unix_socket_path=where.socket, **own)
    if where.is_tls:
        common |= {"ssl": True, **where.tls}
        own |= {"ssl": True, **where.tls}
    if not where.is_sentinel:
        ((host, port),) = where.hosts
        return redis.Redis(host, port, **own)
    asked = {**common, **(user if where.sentinel_auth else {})}
    sentinels = Sentinel(where.hosts, sentinel_kwargs=asked, **own)  # type: ignore[no-untyped-call]  # redis-py has no types for it
    made: _Watched = sentinels.master_for(where.master, _Watched)  # type: ignore[no-untyped-call]  # redis-py has no types for it
    made.sentinels = sentinels
    return made
