"""The broker: how a block of jobs is handed to a worker. The only maker of Celery apps.

Messages carry refs (`batch/job`) and nothing else. They are hints: the delay queue of
the ledger is the truth, and a message that is lost costs one lease, never a job. So
there is no `countdown`, no `eta`, no chord and no result backend anywhere.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport.virtual import QoS

from jobs import redis_url
from jobs.ledger import LedgerError, keys
from jobs.redis_url import RedisUrl
from jobs.transitions import Ref

__all__ = ["BrokerError", "backlog", "blocks", "make_app", "send"]

#: The broker cannot be reached, or refuses; to be caught. What was being handed over
#: may be lost, which costs a lease.
BrokerError = (OperationalError, LedgerError, OSError)

QUEUE = "reelmill"

SUBMIT = "reelmill.submit"
POLL = "reelmill.poll"
COLLECT = "reelmill.collect"
RECONCILE = "reelmill.reconcile"
FINISH = "reelmill.finish"

# kombu puts back what a closing connection had taken, even where the connection was
# lost, and that error ends a whole worker. The delay queue knows of all jobs anyway.
QoS.restore_at_shutdown = False

#: Seconds that a connection may take, and an answer on it.
SOCKET_TIMEOUTS = {"socket_timeout": 30, "socket_connect_timeout": 10}

#: How a lost connection is sought again where a channel is asked for: soon, and not for
#: long, because a tick asks again anyway. By itself the library waits 2, then 4 s.
RECONNECT_OPTIONS = {
    "interval_start": 0.1,
    "interval_step": 0.1,
    "interval_max": 0.5,
    "connect_retries_timeout": 1,
}

#: Most characters that a dashboard is given of a block; Flower keeps each of them.
MAX_ARGSREPR = 2_000


def kombu_url(where: RedisUrl) -> str:
    """The form of an address that Celery's transport understands.

    >>> kombu_url(redis_url.read("unix:///run/ledger.sock?db=2"))
    'redis+socket:///run/ledger.sock?virtual_host=2'
    """
    if where.socket:
        return f"redis+socket://{quote(where.socket)}?virtual_host={where.db}"
    user = ""
    if where.username or where.password:
        parts = (where.username or "", where.password or "")
        user = ":".join(quote(part, safe="") for part in parts) + "@"
    host = f"[{where.host}]" if ":" in where.host else where.host
    return f"{where.scheme}://{user}{host}:{where.port}/{where.db}"


def make_app(url: str) -> Celery:
    """The Celery app of both sides; they must agree in every setting."""
    where = redis_url.read(url)
    app = Celery("reelmill", broker=kombu_url(where))
    app.conf.update(
        # Without any word on certificates the transport would look at none.
        broker_use_ssl={"ssl_cert_reqs": "required", **where.tls}
        if where.is_tls
        else None,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        # Acknowledged at the end, so that no worker takes more than it has threads for.
        task_acks_late=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        # A worker waits for its server however long it is away.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # An error reply (a failover, full memory, a right that was taken away) ends
        # no worker either; by itself Celery retries lost connections alone.
        broker_channel_error_retry=True,
        broker_transport_options={
            # One pattern of keys is enough for a user of the server.
            "global_keyprefix": keys.CELERY,
            # No second book of what is taken, from which to deliver it again one day.
            "ack_emulation": False,
            **SOCKET_TIMEOUTS,
            **RECONNECT_OPTIONS,
        },
    )
    return app


def blocks(refs: Iterable[Ref], size: int) -> Iterable[list[Ref]]:
    """The refs in blocks of at most `size`."""
    rest = iter(refs)
    while block := list(islice(rest, size)):
        yield block


def send(app: Celery, task: str, refs: Sequence[Ref]) -> None:
    """Hand a block of jobs to whichever worker is free.

    Raises:
        BrokerError: perhaps nothing was handed over.
    """
    args = [[str(ref) for ref in refs]]
    app.send_task(task, args=args, argsrepr=describe_refs(refs), retry=False)


def describe_refs(refs: Iterable[Ref]) -> str:
    """A block of jobs as dashboards show it: each batch once, with all of its jobs.

    >>> describe_refs([Ref("may", "mug"), Ref("june", "lamp"), Ref("may", "watch")])
    'may: mug, watch; june: lamp'
    """
    jobs: dict[str, list[str]] = {}
    for ref in refs:
        jobs.setdefault(ref.batch, []).append(ref.job)
    # A batch that is to be ended has itself in hand, and no job.
    text = "; ".join(f"{b}: {', '.join(ids)}".rstrip(": ") for b, ids in jobs.items())
    return text if len(text) <= MAX_ARGSREPR else f"{text[: MAX_ARGSREPR - 1]}…"


def backlog(app: Celery) -> int:
    """Messages that no worker has taken yet.

    Raises:
        BrokerError: it cannot be asked.
    """
    with app.connection_or_acquire() as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(QUEUE, passive=False).message_count)
