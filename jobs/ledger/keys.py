"""Every Redis key there is. Nothing outside this package spells one.

Keys live as long as their batch or account; nothing expires by itself but locks and
when first polls are, because a job that vanished from the ledger could be paid for
again. All keys of one move are reached by one script, so the ledger needs one server,
not a cluster, as Celery does.

| key | type | holds |
|---|---|---|
| `reelmill:name` | string | the ledger's name: lost with its data |
| `reelmill:marks` | set | ids of the marks of claims that lie in the stores |
| `reelmill:batches` | zset | batch ids by time of creation |
| `reelmill:batches:open` | zset | those in which not all is over, by the same |
| `reelmill:batch:B` | hash | settings, counts (`n:STATE`), labels, money of a batch |
| `reelmill:batch:B:jobs` | zset | its job ids by their place in the manifest |
| `reelmill:batch:B:waiting` | zset | those without a permit, by the same place; |
| | | behind them those that were rejected, by when they may be tried again |
| `reelmill:batch:B:failures` | list | those that failed, became unresolved or overdue |
| | | last, newest first; they may have gone on; goes with its job records |
| `reelmill:job:B/J` | hash | a job: request, state, attempts, video |
| `reelmill:job:B/J:followers` | set | jobs that wait for its video |
| `reelmill:store:S:asked` | hash | what was asked for in a store: the job that leads |
| `reelmill:left:S:R` | string | what a deleted job left for the same request, |
| | | as JSON, or `=` and the request that has it; expires |
| `reelmill:account:A` | hash | limits, cooling, trouble, money by day, whether the |
| | | ledger was found older than what was sent |
| `reelmill:account:A:open` | zset | batches that have waiting jobs, by virtual time |
| `reelmill:account:A:slots` | zset | jobs that hold a slot, by its end |
| `reelmill:account:A:starts` | zset | starts, by when they stop counting |
| `reelmill:account:A:due` | zset | jobs (`B/J`) and batches (`B/`) by next look |
| `reelmill:account:A:accepted` | hash | model to when the last request that was |
| | | accepted had been sent |
| `reelmill:account:A:forbidden` | set | jobs refused with 403 since the last |
| | | acceptance |
| `reelmill:account:A:lost` | set | jobs whose answer is lost |
| `reelmill:account:A:lacked` | hash | model that a worker did not know, to when |
| `reelmill:account:A:lock:N` | string | who does what one does at a time; ends by |
| | | itself |
| `reelmill:account:A:predictions:D` | hash | prediction id to job, by the day it was |
| | | told, for some days: none belongs to two |
| `reelmill:account:A:charges` | hash | how far the billing was compared, and what no |
| | | row explains, counted by kind |
| `reelmill:account:A:charges:newest` | list | the newest of these, JSON |
| `reelmill:account:A:charges:later` | hash | record -> a charge that is judged |
| | | once a person has settled the rows that it may be of, JSON |
| `reelmill:account:A:reported` | zset | batches that are over and reported and have |
| | | jobs here, by since when |
| `reelmill:account:A:links` | hash | content to the link of its upload |
| `reelmill:account:A:times:M:D` | list | generation times of a model and duration |
| `reelmill:account:A:first_polls:M:D` | zset | jobs of these that nobody has polled, |
| | | by when they are due; an hour without one drops it |
| `reelmill:account:A:first_poll:M:D` | string | seconds after which those that are |
| | | accepted are polled at the latest, and until when that holds: for a minute |
| `reelmill:account:A:uncollected` | zset | jobs paid and not stored, by when sent |
| `reelmill:account:A:late` | zset | jobs that generate far beyond the times of their |
| | | kind, by when sent |
| `reelmill:account:A:live` | zset | batches that are not over, by when they came |
| `reelmill:account:A:ended` | zset | batches that are over, by when, for a day |
| `reelmill:account:A:tellings` | hash | what people are still to be told, by id |
| `reelmill:account:A:untold` | zset | the same ids, by the next try |
| `reelmill:account:A:told` | zset | ids of what was told, by when, for a while |
| `reelmill:account:A:crashes` | zset | what a task failed over unexpectedly, by when |
| | | it is forgotten |
| `reelmill:account:A:crashes:facts` | hash | the same to how and how often, JSON |
| `reelmill:workers` | zset | names of workers, by their last beat |
| `reelmill:workers:facts` | hash | name to what is known of that worker, JSON |
| `reelmill:proof` | string | written to see that the disk takes it |
| `reelmill:schedules` | hash | name to what is handed over by the clock, JSON |
| `reelmill:schedule:N` | hash | how a schedule stands: its claim, what is dealt with |
| `reelmill:schedule:N:firings` | list | what came of it, newest first |
| `reelmill:scheduler` | zset | schedulers (`A/NAME`), by their last beat |
| `reelmill:accounts` | set | ids of the accounts that have limits |
| `reelmill:celery:…` | | Celery's own queues and bindings; its channels too |
"""

import hashlib

PREFIX = "reelmill:"

NAME = f"{PREFIX}name"
CELERY = f"{PREFIX}celery:"
MARKS = f"{PREFIX}marks"

BATCHES = f"{PREFIX}batches"
ACCOUNTS = f"{PREFIX}accounts"
WORKERS = f"{PREFIX}workers"
WORKER_FACTS = f"{WORKERS}:facts"
PROOF = f"{PREFIX}proof"
SCHEDULES = f"{PREFIX}schedules"
SCHEDULER = f"{PREFIX}scheduler"


def batch(batch_id: str, part: str = "") -> str:
    """The hash of a batch, or one of its parts such as `jobs`."""
    return _named("batch", batch_id, part)


def job(ref: object, part: str = "") -> str:
    """The hash of a job, or a part of it; `ref` prints as `batch/job`."""
    return _named("job", str(ref), part)


def account(account_id: str, part: str = "") -> str:
    """The hash of an account, or one of its parts such as `slots`."""
    return _named("account", account_id, part)


def schedule(name: str, part: str = "") -> str:
    """The hash of how a schedule stands, or a part of it."""
    return _named("schedule", name, part)


def asked(store: str) -> str:
    """Which job makes or has made what was asked for in a store, by request."""
    return _named("store", _digest(store), "asked")


def left(store: str, name: str) -> str:
    """What a deleted job left for a request in a store."""
    return _named("left", _digest(store)[:12], name)


def _named(kind: str, name: str, part: str) -> str:
    return f"{PREFIX}{kind}:{name}:{part}" if part else f"{PREFIX}{kind}:{name}"


def _digest(store: str) -> str:
    return hashlib.sha1(store.encode(), usedforsecurity=False).hexdigest()
