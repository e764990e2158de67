"""Moving many jobs of a batch by a person's word, and what follows where nobody works.

Which move a job makes is decided in `jobs.transitions`; here it is only carried out.
"""

import time
from collections.abc import Callable, Iterable
from itertools import islice

from jobs.ledger import Ledger
from jobs.ledger.batches import BLOCK
from jobs.ledger.transitions import Applied
from jobs.records import BatchRecord, JobRecord
from jobs.settings import Settings
from jobs.transitions import Ref, Transition
from producer import console
from producer.local_run import keep_report
from producer.watching.status import take


def move_all(
    ledger: Ledger,
    refs: Iterable[Ref],
    to_move: Callable[[JobRecord], Transition | None],
) -> int:
    """Make a move with each of these jobs, block by block; how many were made.

    A job that somebody else has moved meanwhile is left where it is.
    """
    made, rest = 0, iter(refs)
    while block := list(islice(rest, BLOCK)):
        records = ledger.batches.load(block)
        wanted = [move for record in records if record and (move := to_move(record))]
        made += ledger.transitions.apply(wanted).count(Applied.YES)
    return made


def finish_here(ledger: Ledger, chosen: Settings, batch: BatchRecord) -> None:
    """See to the report of a batch that has come to its end without a worker.

    Raises:
        Stop: the store does not take it.
    """
    # A fleet's workers find that it is due; in a private ledger nobody may be at work.
    now = take(ledger, batch.id)
    if not chosen.redis_url and now.over == now.batch.total:
        _, place = keep_report(ledger, batch.id, time.time())
        console.say(f"its report is {place}")
