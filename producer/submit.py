"""`submit`: a manifest handed to the fleet."""

import time
from contextlib import closing

from jobs.ledger import Ledger
from jobs.records import BatchRecord
from jobs.states import State
from jobs.text import counted
from producer import console
from producer.console import print_json
from producer.enqueue import hand_over
from producer.exits import CommandError, Exit
from producer.load import load, settings_of
from producer.local_server import ledger_of
from producer.options import (
    READING,
    SPENDING,
    Flag,
    Json,
    Manifest,
    Reading,
    ShowBefore,
    Spending,
)
from producer.skipped_rows import skip_problems
from producer.watch import await_ends
from producer.watching.status import document


def submit(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: Spending = SPENDING,
    show: ShowBefore = None,
    wait: Flag = False,
    json: Json = False,
) -> int:
    """Hand a manifest to the fleet; the same one while it is open is the same batch.

    Needs `REELMILL_REDIS_URL`. Shows the price and asks, unless told `--yes`.

        reelmill submit tonight.csv --budget 100
        reelmill submit tonight.csv --yes --wait --priority 5

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        spending: What may be spent, and where to.
        show: How many rows are shown as they will be sent: 3 before the question.
        wait: Watch it, and end as it ends.
        json: Print the outcome as JSON.
    """
    chosen = settings_of(spending)
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
    began_s = time.time()
    with closing(load(manifest, reading, spending, chosen)) as found:
        skip_problems(found)
        with ledger_of(chosen, alone=False) as ledger:
            batch = hand_over(ledger, found, chosen, spending, show=show)
            if not (wait and json):
                _print_submitted(
                    ledger, batch, new=batch.created_at_s >= began_s, json=json
                )
            return await_ends(ledger, [batch.id], json=json) if wait else Exit.STORED


def _print_submitted(
    ledger: Ledger, batch: BatchRecord, *, new: bool, json: bool
) -> None:
    now = ledger.snapshots.one(batch.id)
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
