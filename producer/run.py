"""`run`: a manifest rendered on this machine, from the file to the report."""

import time
from contextlib import closing

from jobs.settings import Settings
from producer.enqueue import hand_over
from producer.exits import CommandError
from producer.load import load, settings_of
from producer.local_run import outcome, render
from producer.local_server import ledger_of
from producer.notify import notify_end
from producer.options import (
    READING,
    SPENDING,
    Json,
    Manifest,
    Reading,
    ShowBefore,
    Spending,
)
from producer.report import keep_report
from producer.skipped_rows import skip_problems
from producer.summary import print_beginning, print_ending, print_outcome
from producer.survey import Survey


def run(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: Spending = SPENDING,
    show: ShowBefore = None,
    json: Json = False,
) -> int:
    """Render a manifest on this machine; run again, it goes on where it was.

    Shows the price and asks, unless told `--yes`. Nothing that was sent is ever sent
    again: an interrupted run, or one stopped by its budget, goes on with the same
    command, and rows whose video is stored already, by whichever batch, are reused.

        reelmill run products.csv
        reelmill run products.csv --yes --budget 20
        reelmill run pictures/ --model kling-v2.6-std --prompt "a slow orbit"

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        spending: What may be spent, and where to.
        show: How many rows are shown as they will be sent: 3 before the question.
        json: Print the outcome as JSON.
    """
    chosen = settings_of(spending)
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set, so nothing can be rendered for real; set it "
            "to the key of the account that pays and run the same command again, or "
            "see it all first: reelmill demo shows everything without a key"
        )
    with closing(load(manifest, reading, spending, chosen)) as found:
        return run_survey(found, chosen, spending, show=show, json=json)


def run_survey(
    found: Survey,
    chosen: Settings,
    spending: Spending,
    *,
    show: int | None = None,
    json: bool,
) -> int:
    """Hand a manifest that was read to the ledger, render it, report it."""
    skip_problems(found)
    with ledger_of(chosen, alone=True) as ledger:
        batch = hand_over(ledger, found, chosen, spending, show=show)
        before = ledger.snapshots.one(batch.id)
        if batch.deleted_at_s:
            return outcome(before)
        print_beginning(before)
        now = render(ledger, chosen, batch.id)
        document, place = keep_report(ledger, batch.id, time.time())
        notify_end(ledger, chosen, batch.id)
    print_outcome(document, place, json=json)
    print_ending(now, before)
    return outcome(now)
