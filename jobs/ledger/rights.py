"""What a user of the server must be allowed, and what the present one is not.

No command that is needed counts as dangerous. What the server says of itself beside it
(`INFO`, `CONFIG GET`) is read where it is allowed, and nothing hangs on it.
"""

from collections.abc import Iterator
from typing import Any

from redis.exceptions import ResponseError

from jobs.ledger import keys
from jobs.ledger.scripts import Scripts
from jobs.ledger.server import Server
from jobs.redis_url import RedisUrl

#: Commands that the ledger, its scripts and the broker run on keys, by what follows the
#: key. Whole commands: servers were seen to crash over a question about half a one.
ON_KEYS = {
    "": "DEL EXISTS GET HGETALL HLEN LLEN MGET RPOP SCARD SMEMBERS UNLINK ZCARD",
    " 1": "BRPOP EXPIRE HDEL HEXISTS HGET HMGET HSCAN LPUSH PEXPIRE SADD SET SISMEMBER "
    "SMISMEMBER SREM ZREM ZSCORE",
    " 1 1": "HINCRBY HSET HSETNX LRANGE LREM LTRIM ZADD ZCOUNT ZRANGE ZRANGEBYSCORE "
    "ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE",
}

#: Those that are run on none.
OTHERS = (
    *("EVALSHA 1 0", "EXEC", "HELLO", "MULTI", "PING", "SCRIPT LOAD 1", "TIME"),
    "WAITAOF 1 0 1",
)

#: Those on channels, by what follows the channel.
ON_CHANNELS = {"": "PSUBSCRIBE PUNSUBSCRIBE", " 1": "PUBLISH"}


def channels(where: RedisUrl) -> tuple[str, str]:
    """Orders to workers, and what these tell dashboards.

    A server compares a pattern that somebody subscribes to letter by letter with those
    that are allowed, so one pattern for both is not enough.
    """
    prefix = f"{keys.CELERY}/{where.db}."
    return f"{prefix}celery.pidbox", f"{prefix}celeryev/*"


def acl_line(where: RedisUrl) -> str:
    """The order to the server that gives the user of an address all that is needed."""
    heard = " ".join(f"&{channel}" for channel in channels(where))
    user = where.username or "default"
    return f"ACL SETUSER {user} ~{keys.PREFIX}* {heard} +@all -@dangerous"


def info(server: Server, section: str) -> dict[str, Any] | None:
    """What the server says of itself; None where the user may not ask."""
    try:
        return server.info(section)
    except ResponseError:
        return None


class Rights:
    """What the user of a connection may do."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def missing(self, where: RedisUrl) -> list[str]:
        """What is needed and refused: commands, `keys reelmill:*`, and channels.

        Args:
            where: the address of this server.

        Raises:
            LedgerError: it cannot be asked; also where no script may be run.
        """
        on_keys = list(_whole(ON_KEYS, keys.PROOF))
        calls = [*on_keys, *OTHERS]
        for channel in channels(where):
            calls += _whole(ON_CHANNELS, channel)
        refused: list[str] = self._scripts.run("refused", *calls)
        if set(on_keys) <= set(refused):
            left = [call for call in refused if call not in on_keys]
            return [f"keys {keys.PREFIX}*", *map(_shown, left)]
        return [_shown(call) for call in refused]


def _whole(commands: dict[str, str], what: str) -> Iterator[str]:
    for rest, names in commands.items():
        yield from (f"{name} {what}{rest}" for name in names.split())


def _shown(call: str) -> str:
    """A call without its arguments; a channel is told, since there are two."""
    command, _, rest = call.partition(" ")
    what = rest.removesuffix(" 1")
    return f"{command} {what}" if what.startswith(keys.CELERY) else command
