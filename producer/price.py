"""`price`: what a manifest will cost, and when it will be done; spends nothing."""

from contextlib import closing

from producer import console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import READING, SPENDING, Json, Manifest, Reading, Spending
from producer.submit import (
    budget_of,
    nothing_is_sent,
    quote,
    read,
    settings_of,
    stop_at_problems,
    weighed_batch,
)
from producer.summary import print_gone


def price(
    manifest: Manifest,
    /,
    *,
    reading: Reading = READING,
    spending: Spending = SPENDING,
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
        json: Print the prices as JSON.
    """
    chosen = settings_of(spending)
    budget_of(spending)
    with closing(read(manifest, reading, chosen, whole=True)) as found:
        stop_at_problems(found)
        with ledger_of(chosen, alone=False) as ledger:
            batch = weighed_batch(ledger, found, chosen, spending)
            if batch.deleted_at_s:
                raise CommandError(nothing_is_sent(batch), Exit.STORED)
            view = quote(found, ledger, chosen, batch)
        print_gone(found.gone)
        if json:
            print_json(view.document())
        else:
            view.print(console.out)
    return Exit.STORED
