"""What an error of the ledger's server means, and what its user must be allowed.

Most errors pass by themselves: a failover ends, somebody makes room. So nothing here
decides whether to go on; whoever can wait does, and whoever cannot says these words.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    RedisError,
    ResponseError,
)

from jobs import redis_url
from jobs.ledger import keys
from jobs.ledger.server import Part, Server
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


class Rights(Part):
    """What the user of a connection may do."""

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


_IS_REPLICA = (
    "it is a replica, for as long as a failover takes; if it stays one, "
    "REELMILL_REDIS_URL must name the primary"
)

#: How a server says that a user lacks a right, by himself or in a script.
_LACKS = ("NOPERM", "ACL failure")

#: What to do, by a word of the error.
_CURES = {
    "OOM": "its memory is full: give it more (maxmemory)",
    "READONLY": _IS_REPLICA,
    "MASTERDOWN": _IS_REPLICA,
    "UNBLOCKED": _IS_REPLICA,
    "NOREPLICAS": "too few of its replicas are there (min-replicas-to-write)",
    "MISCONF": "its disk takes nothing: make room there, and look at its log",
    "LOADING": "it still reads its data, wait for it",
    "max number of clients": "raise its maxclients, or end what is connected",
}

#: Rights that one sentence names.
MAX_NAMED = 5


def trouble(url: str, error: RedisError, *, begun: bool = False) -> str:
    """A sentence about a server that cannot be used now, without its password.

    Args:
        url: its address.
        error: what it answered, or how the connection was lost.
        begun: whether it answered before.
    """
    is_reply = isinstance(error, ResponseError | BusyLoadingError)
    lost = "went out of reach" if begun else "is out of reach"
    where = redis_url.shown(url)
    words = f"the ledger at {where} {'refuses' if is_reply else lost} ({error})"
    cure = _cure(url, error) or (_unknown(url, error) if is_reply or not begun else "")
    again = "nothing paid is lost, run the same command again to go on" if begun else ""
    return "; ".join(filter(None, (words, cure, again)))


def _cure(url: str, error: RedisError) -> str:
    """What to do about an error of a known kind."""
    said = f"{error.status_code} {error}"
    if any(word in said for word in _LACKS):
        return f"its user lacks a right; {_given(url)}"
    if isinstance(error, AuthenticationError):
        return "look at user and password in REELMILL_REDIS_URL"
    return next((cure for word, cure in _CURES.items() if word in said), "")


def _unknown(url: str, error: RedisError) -> str:
    if isinstance(error, ResponseError):
        return "look at its log"
    if url.startswith("unix:"):
        return "if a run has just begun or ended here, run the same command again"
    # The name of a container that has ended is unknown, too.
    return (
        "see that REELMILL_REDIS_URL is its address, and that its server runs; if not, "
        "its log says why, such as a full disk"
    )


def rights_words(url: str, missing: Sequence[str]) -> str:
    """What the user of an address lacks, and who gives it."""
    named = ", ".join(missing[:MAX_NAMED])
    more = len(missing) - MAX_NAMED
    rest = f" and {more} more" if more > 0 else ""
    return f"the ledger's server does not let its user use {named}{rest}; {_given(url)}"


def _given(url: str) -> str:
    return f"an administrator gives all that is needed: {acl_line(redis_url.read(url))}"
