"""`price`: what a manifest will cost, and when it will be done; spends nothing."""

from contextlib import closing

from producer import console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_server import ledger_of
from producer.options import Reading, Spending
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


def price(manifest: str, reading: Reading, spending: Spending, *, json: bool) -> int:
    """Print what a manifest will cost, and when it will be done."""
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
