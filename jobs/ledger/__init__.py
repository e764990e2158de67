"""The ledger: the durable record of batches, jobs and attempts, in Redis.

The only package that knows Redis. Its parts share one connection and one clock.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from redis.exceptions import RedisError, ResponseError

from jobs import redis_url
from jobs.ledger import keys
from jobs.ledger.accounts import Hooks, Links, Locks, Times
from jobs.ledger.batches import Batches, JobsDeletedError
from jobs.ledger.charges import UnexplainedCharges
from jobs.ledger.dedup import Dedup
from jobs.ledger.delay_queue import Crashes, DelayQueue
from jobs.ledger.errors import Rights
from jobs.ledger.figures import FiguresReader
from jobs.ledger.marks import Marks
from jobs.ledger.outbox import Outbox
from jobs.ledger.permits import Permits
from jobs.ledger.schedules import Schedules
from jobs.ledger.server import Part, Scripts, Server, client
from jobs.ledger.snapshots import Snapshots
from jobs.ledger.transitions import Transitions
from jobs.ledger.workers import Workers

__all__ = [
    "JobsDeletedError",
    "Ledger",
    "LedgerError",
    "NotDurableError",
    "connect",
]

#: The server is away, or answers that it cannot now: a failover, full memory, a right
#: that the user lacks. The step may or may not have been taken.
LedgerError = RedisError

#: How long a write may take to reach the disk before a paid request is held back.
DURABLE_TIMEOUT_MS = 5_000


class NotDurableError(Exception):
    """The server did not say that what was written is on its disk."""


class Identity(Part):
    """The ledger's name, which tells that a server has lost its data or got older ones.

    It is drawn once and lies beside everything else, so it is lost with it. Copies of
    batches in a store are kept below it.
    """

    def known(self) -> str:
        """Its name; empty if it has none yet."""
        return str(self._server.execute_command("GET", keys.NAME) or "")

    def name(self) -> str:
        """Its name, drawn if it has none yet."""
        return self.set_if_missing(uuid.uuid4().hex)

    def set_if_missing(self, name: str) -> str:
        """Take a name, if it is one and there is none yet; the one it has now."""
        if name:
            self._server.execute_command("SET", keys.NAME, name, "NX")
        return self.known()


class Ledger:
    """All parts of the ledger over one server."""

    def __init__(
        self, server: Server, clock: Callable[[], float] | None = None
    ) -> None:
        """Open the ledger on `server`.

        Args:
            server: a client that decodes responses.
            clock: unix seconds, for simulations; None is the server's own clock.
        """
        self.server = server
        part = (server, Scripts(server), clock)
        self._part = Part(*part)
        self.batches = Batches(*part)
        self.transitions = Transitions(*part)
        self.permits = Permits(*part)
        self.delay_queue = DelayQueue(*part)
        self.dedup = Dedup(*part)
        self.times = Times(*part)
        self.links = Links(*part)
        self.hooks = Hooks(*part)
        self.locks = Locks(*part)
        self.charges = UnexplainedCharges(*part)
        self.snapshots = Snapshots(*part)
        self.figures = FiguresReader(*part)
        self.identity = Identity(*part)
        self.marks = Marks(*part)
        self.rights = Rights(*part)
        self.schedules = Schedules(*part)
        self.outbox = Outbox(*part)
        self.crashes = Crashes(*part)
        self.workers = Workers(*part)

    def durable(self) -> None:
        """Return once everything that was written until now is on disk.

        With `appendfsync always` it already is and this asks for proof; with
        `everysec` it waits for the next flush.

        Raises:
            NotDurableError: the server keeps no append-only file, or did not answer in
                time.
            LedgerError: it takes no write at all.
        """
        pipeline = self.server.pipeline(transaction=False)
        # The server waits only for what came over the same connection, and a pool has
        # several; but whatever is older than this write is on disk before it.
        pipeline.execute_command("SET", keys.PROOF, "1")
        pipeline.execute_command("WAITAOF", 1, 0, DURABLE_TIMEOUT_MS)
        written, answer = pipeline.execute(raise_on_error=False)
        if isinstance(written, RedisError):
            raise written
        if isinstance(answer, ResponseError):
            raise NotDurableError(
                f"the ledger's server cannot prove that it wrote to disk ({answer}); "
                "it needs appendonly yes and Redis 7.2 or Valkey 7.2 or newer"
            )
        if int(answer[0]) < 1:
            raise NotDurableError(
                "the ledger's server did not write to disk in time; "
                "look at its disk and its log"
            )

    def ping(self) -> None:
        """Return if the server answers.

        Raises:
            LedgerError: it does not.
        """
        self.server.ping()

    def now_s(self) -> float:
        """Unix seconds by the server's clock."""
        return self._part.now_s()

    def shutdown(self) -> None:
        """Ask the server to write everything down and end."""
        with suppress(LedgerError):
            self.server.execute_command("SHUTDOWN", "SAVE")

    def close(self) -> None:
        """Let go of the connections."""
        self.server.close()


def connect(url: str, timeout_s: float = 10.0) -> Ledger:
    """The ledger at an address as `redis_url` reads it.

    Raises:
        ValueError: the address has no meaning.
    """
    return Ledger(cast("Server", client(redis_url.read(url), timeout_s)))
