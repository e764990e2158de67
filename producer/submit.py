"""Handing a manifest to a fleet: `submit`.

It ends as soon as the ledger has every job; workers elsewhere render them. The same
manifest is the same batch, so handing it over again changes nothing that has begun.
What it costs is shown and asked for in `commands`, as for `run`.
"""

import time
from contextlib import closing

from jobs.ledger import Ledger
from jobs.records import BatchRecord
from jobs.states import State
from jobs.text import counted
from producer import console
from producer.commands import budget_of, check_store, hand_over, read, settings_of
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Reading, Spending
from producer.watch import await_end
from producer.watching.status import document, take


def submit(
    manifest: str, reading: Reading, spending: Spending, *, wait: bool, json: bool
) -> int:
    """Hand a manifest to the fleet; with `wait` watch it until it is over."""
    chosen = settings_of(spending)
    budget_usd_micros = budget_of(spending)
    if not chosen.redis_url:
        raise CommandError(
            "REELMILL_REDIS_URL is not set, so there is no fleet to hand it to; "
            f"reelmill run {manifest} renders it on this machine"
        )
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set; a batch belongs to the account whose key "
            "the workers have, so set it to that key"
        )
    check_store(chosen.store)
    began_s = time.time()
    with (
        closing(read(manifest, reading, chosen, whole=True)) as found,
        ledger_of(chosen, alone=False) as ledger,
    ):
        batch = hand_over(ledger, found, chosen, spending, budget_usd_micros)
        if not (wait and json):
            _tell(ledger, batch, new=batch.created_at_s >= began_s, json=json)
        if not wait:
            return Exit.STORED
        return await_end(ledger, batch.id, json=json)


def _tell(ledger: Ledger, batch: BatchRecord, *, new: bool, json: bool) -> None:
    now = take(ledger, batch.id)
    if json:
        print_json(document(now) | {"new": new})
        return
    stored = now.count(State.STORED, State.REUSED)
    if batch.cancelled:
        console.say(
            f"{batch.id} was cancelled and nothing more of it is sent; "
            f"reelmill retry {batch.id} --cancelled takes it up again"
        )
    elif not new:
        console.say(f"already submitted: {stored} of {batch.total} stored")
    else:
        how = f"reelmill watch {batch.id} shows how it goes"
        console.say(f"submitted: {counted(batch.total, 'job')}; {how}")
    console.out.print(batch.id, markup=False)
