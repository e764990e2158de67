"""`price`: what a manifest will cost, and when it will be done; spends nothing."""

from contextlib import closing

from producer import console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.load import budget_of, read, settings_of, skipped_words, stop_at_problems
from producer.local_server import ledger_of
from producer.options import (
    BATCH_OPTIONS,
    READING,
    SHOWN,
    BatchOptions,
    Json,
    Manifest,
    Reading,
    Show,
)
from producer.preview import print_preview, rows
from producer.quote import nothing_is_sent, quote, weighed_batch
from producer.summary import print_gone


def price(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: BatchOptions = BATCH_OPTIONS,
    show: Show = SHOWN,
    json: Json = False,
) -> int:
    """Show what a manifest will cost, and when it will be done; spends nothing.

    What is stored already costs nothing. With an API key the provider's own quotes and
    the account's balance are asked for and compared.

        reelmill price products.csv
        reelmill price products.csv --budget 20

    Args:
        manifest: CSV, XLSX, YAML or JSONL file, `-`, or a folder or bucket of pictures.
        reading: How the manifest is read.
        spending: What may be spent, and where to.
        show: How many rows are shown as they will be sent.
        json: Print prices, warnings and all rows as JSON.
    """
    chosen = settings_of(spending)
    budget_of(spending)
    with closing(read(manifest, reading, chosen, whole=True)) as found:
        stop_at_problems(found)
        if found.refused:
            console.say(skipped_words(found))
        with ledger_of(chosen, alone=False) as ledger:
            batch = weighed_batch(ledger, found, chosen, spending)
            if batch.deleted_at_s:
                raise CommandError(nothing_is_sent(batch), Exit.STORED)
            view = quote(found, ledger, chosen, batch)
        print_gone(found.gone)
        if json:
            print_json(view.document(), rows=rows(found))
        else:
            print_preview(found, show, console.out)
            view.print(console.out)
    return Exit.STORED
