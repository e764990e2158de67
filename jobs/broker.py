"""The broker: how a block of jobs is handed to a worker. The only maker of Celery apps.

Messages carry refs (`batch/job`) and nothing else. They are hints: the due-set of the
ledger is the truth, and a message that is lost costs one lease, never a job. So there
is no `countdown`, no `eta`, no chord and no result backend anywhere.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from celery import Celery
from kombu.exceptions import OperationalError

from jobs.moves import Ref

__all__ = ["BrokerUnreachable", "backlog", "blocks", "make_app", "send"]

#: The broker cannot be reached; nothing was handed over.
BrokerUnreachable = OperationalError

QUEUE = "reelmill"

SUBMIT = "reelmill.submit"
POLL = "reelmill.poll"
COLLECT = "reelmill.collect"
SETTLE = "reelmill.settle"
FINISH = "reelmill.finish"

#: Longer than any task, because the broker delivers a task that runs longer twice.
VISIBILITY_S = 3_600


def kombu_url(redis_url: str) -> str:
    """The form of a Redis address that Celery's transport understands.

    >>> kombu_url("unix:///run/ledger.sock?db=2")
    'redis+socket:///run/ledger.sock?virtual_host=2'
    """
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    options = dict(o.split("=", 1) for o in parts.query.split("&") if "=" in o)
    return f"redis+socket://{parts.path}?virtual_host={options.get('db', '0')}"


def make_app(redis_url: str) -> Celery:
    """The Celery app of both sides; they must agree in every setting."""
    app = Celery("reelmill", broker=kombu_url(redis_url))
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_send_task_events=True,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_S,
            "socket_timeout": 30,
            "socket_connect_timeout": 10,
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
        BrokerUnreachable: nothing was handed over.
    """
    app.send_task(task, args=[[str(ref) for ref in refs]], retry=False)


def backlog(app: Celery) -> int:
    """Messages that no worker has taken yet."""
    with app.connection_or_acquire() as connection:
        channel: Any = connection.default_channel
        return int(channel.queue_declare(QUEUE, passive=False).message_count)
