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


def batch(batch_id: str) -> str:
    """Hash of a batch."""
    return f"{PREFIX}batch:{batch_id}"


def batch_jobs(batch_id: str) -> str:
    """All job ids of a batch, in order."""
    return f"{batch(batch_id)}:jobs"


def waiting(batch_id: str) -> str:
    """Job ids of a batch that wait for a permit, in order."""
    return f"{batch(batch_id)}:waiting"


def job(ref: object) -> str:
    """Hash of a job; `ref` prints as `batch/job`."""
    return f"{PREFIX}job:{ref}"


def followers(ref: object) -> str:
    """Jobs that wait for the video of a job."""
    return f"{job(ref)}:followers"


def asked(store: str) -> str:
    """Which job makes or has made what was asked for in a store, by request."""
    return f"{PREFIX}store:{_digest(store)}:asked"


def left(store: str, name: str) -> str:
    """What a deleted job left for a request in a store."""
    return f"{PREFIX}left:{_digest(store)[:12]}:{name}"


def _digest(store: str) -> str:
    return hashlib.sha1(store.encode(), usedforsecurity=False).hexdigest()


def account(account_id: str) -> str:
    """Hash of an account."""
    return f"{PREFIX}account:{account_id}"


def open_batches(account_id: str) -> str:
    """Batches of an account that have waiting jobs."""
    return f"{account(account_id)}:open"


def slots(account_id: str) -> str:
    """Jobs that count against the account's concurrency."""
    return f"{account(account_id)}:slots"


def starts(account_id: str) -> str:
    """Starts that count against the account's rate."""
    return f"{account(account_id)}:starts"


def due(account_id: str) -> str:
    """The due-set of an account."""
    return f"{account(account_id)}:due"


def lost(account_id: str) -> str:
    """Jobs of an account whose answer is lost."""
    return f"{account(account_id)}:lost"


def lacked(account_id: str) -> str:
    """Models that workers of an account did not know."""
    return f"{account(account_id)}:lacked"


def lock(account_id: str, name: str) -> str:
    """Who does now what only one of an account does at a time."""
    return f"{account(account_id)}:lock:{name}"


def times(account_id: str, model: str, duration_s: int) -> str:
    """Generation times learnt for a model and duration."""
    return f"{account(account_id)}:times:{model}:{duration_s}"


def first_polls(account_id: str, model: str, duration_s: int) -> str:
    """Jobs of a model and duration that are not polled yet, by when they are due."""
    return f"{account(account_id)}:first_polls:{model}:{duration_s}"


def links(account_id: str) -> str:
    """Where the uploaded pictures of an account are, by content."""
    return f"{account(account_id)}:links"


def uncollected(account_id: str) -> str:
    """Jobs of an account that are paid and not stored."""
    return f"{account(account_id)}:uncollected"


def late(account_id: str) -> str:
    """Jobs of an account that generate far beyond the times of their kind."""
    return f"{account(account_id)}:late"


def reported(account_id: str) -> str:
    """Batches of an account that are over and reported, by since when."""
    return f"{account(account_id)}:reported"


def predictions(account_id: str, day: int) -> str:
    """Whose the predictions are that were told on a day (UTC), counted from 1970."""
    return f"{account(account_id)}:predictions:{day}"


def charges(account_id: str) -> str:
    """Charges of an account that no row explains, counted."""
    return f"{account(account_id)}:charges"


def charges_judged_later(account_id: str) -> str:
    """Charges that wait for a person's word about a row."""
    return f"{charges(account_id)}:later"


def newest_charges(account_id: str) -> str:
    """The newest of these."""
    return f"{charges(account_id)}:newest"


def schedule(name: str) -> str:
    """Hash of how a schedule stands."""
    return f"{PREFIX}schedule:{name}"


def firings(name: str) -> str:
    """What came of a schedule, newest first."""
    return f"{schedule(name)}:firings"
