"""`worker`: become a worker of the fleet, or check whether one lives.

It becomes `celery -A worker.app worker`, so that signals reach the worker itself.
"""

import os
import shlex
import socket
import sys
from dataclasses import asdict

from jobs import redis_url
from jobs.broker import QUEUE
from jobs.ledger import LedgerError, NotDurableError, connect
from jobs.ledger.errors import rights_words, trouble
from jobs.ledger.workers import SILENT_S, Worker
from jobs.settings import Settings, worker_name
from jobs.storage import Store, StoreError
from jobs.text import choice
from producer import console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Flag, Json, chosen_settings

#: A thread carries a block of up to 100 jobs: two keep all connections to the provider
#: busy with paid requests while the others look, fetch and settle.
THREADS = 8

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

#: Patience of a health check with the ledger.
CHECK_TIMEOUT_S = 2.0


def worker(
    *,
    concurrency: int = THREADS,
    name: str | None = None,
    log_level: str = "INFO",
    check: Flag = False,
    json: Json = False,
) -> int:
    """Work for a fleet: take jobs from `REELMILL_REDIS_URL` until told to stop.

    For example:

        reelmill worker --concurrency 8
        reelmill worker --check

    Args:
        concurrency: Threads; each carries blocks of jobs that wait side by side.
        name: Name of this worker, where several run on one machine.
        log_level: How much it tells: DEBUG, INFO, WARNING.
        check: Only tell whether this machine's worker lives.
        json: Print what `--check` finds as JSON.
    """
    chosen = chosen_settings()
    if check:
        return _check(chosen, name, json=json)
    level = log_level.upper()
    if concurrency < 1:
        raise CommandError(f"--concurrency {concurrency}: must be at least 1")
    if level not in LOG_LEVELS:
        raise CommandError(f"--log-level {level}: must be {choice(LOG_LEVELS)}")
    if name is not None and not name.replace("-", "").replace("_", "").isalnum():
        raise CommandError(f"--name {name}: must be of letters, digits, - and _")
    _refuse_in_vain(chosen)
    _warn(chosen)
    own = name or worker_name().partition("@")[0]
    command = celery_command(f"{own}@{socket.gethostname()}", concurrency, level)
    console.say(f"worker {own}: {shlex.join(command[1:])}")
    sys.stdout.flush()
    os.execv(sys.executable, command)
    return Exit.STORED  # never: the process is the worker now


def celery_command(name: str, concurrency: int, log_level: str) -> list[str]:
    """What this process becomes."""
    command = [sys.executable, "-m", "celery", "-A", "worker.app", "worker"]
    command += ["--pool", "threads", "--concurrency", str(concurrency)]
    command += ["--loglevel", log_level, "--queues", QUEUE, "--hostname", name]
    # Workers meet in the ledger; Flower hears of them by their heartbeat.
    return [*command, "--without-gossip", "--without-mingle"]


def _refuse_in_vain(chosen: Settings) -> None:
    if not chosen.redis_url:
        raise CommandError(
            "REELMILL_REDIS_URL is not set, so there is no fleet to work for; set it, "
            "such as redis://:password@host:6379/0, or render here: reelmill run"
        )
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set, so nothing can be rendered; "
            "give the worker the key of the account that pays"
        )
    try:
        Store(chosen.store).check_writable()
    except StoreError as error:
        raise CommandError(
            f"{error}; set REELMILL_STORE to a place that takes files"
        ) from None


def _warn(chosen: Settings) -> None:
    """Say what a worker can live with and the user may want to mend.

    Raises:
        CommandError: the ledger is out of reach, or its user lacks a right.
    """
    with ledger_of(chosen, alone=False) as ledger:
        missing = ledger.rights.missing(redis_url.read(chosen.ledger_url))
        if missing:
            raise CommandError(
                rights_words(chosen.ledger_url, missing), Exit.UNREACHABLE
            )
        try:
            ledger.durable()
        except (NotDurableError, LedgerError) as error:
            # Such as a full server, which a worker waits for.
            console.say(f"nothing new will be started: {error}")
    if os.geteuid() == 0:
        console.say(
            "it runs as root, whose rights it does not need; choose another user"
        )


def _check(chosen: Settings, name: str | None, *, json: bool) -> int:
    host = socket.gethostname()
    try:
        ledger = connect(chosen.ledger_url, CHECK_TIMEOUT_S)
        alive = ledger.workers.alive()
        ledger.close()
    except LedgerError as error:
        raise CommandError(
            trouble(chosen.ledger_url, error), Exit.UNREACHABLE
        ) from None
    found = [
        each
        for each in alive
        if each.facts.host == host
        and name in (None, each.facts.name.rpartition("@")[0])
    ]
    if json:
        print_json([asdict(w.facts) | {"silent_s": w.silent_s} for w in found])
    elif not found:
        who = f"worker {name}" if name else "worker"
        console.say(
            f"no {who} of {host} was heard of in the last {SILENT_S:g} s, "
            f"{len(alive)} others were; look at its log, or start it: reelmill worker"
        )
    for each in () if json else found:
        console.say(_line(each))
    return Exit.STORED if found else Exit.FAILED


def _line(worker: Worker) -> str:
    facts = worker.facts
    end = ", stopping" if facts.stopping else ""
    return (
        f"{facts.name} lives: heard of {worker.silent_s:.1f} s ago, "
        f"{facts.threads} threads, version {facts.version}{end}"
    )
