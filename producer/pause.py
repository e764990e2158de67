"""`pause`, `resume` and `collect`: hold a batch or an account, or only end what began.

None of them spends anything or loses what is paid.
"""

import time

from jobs.ledger import Ledger
from jobs.ledger.marks import older_words
from jobs.records import BatchRecord
from jobs.settings import Settings
from jobs.states import State
from jobs.text import counted
from producer import console
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.local_run import outcome, render
from producer.local_server import ledger_of
from producer.lookup import find_account, find_batch, same_account
from producer.options import AnyBatch, Flag, Json, chosen_settings
from producer.report import keep_report
from producer.summary import print_ending, print_outcome

#: What has begun and is not over: a look may move it on.
BEGUN = (
    State.ADMITTED,
    State.GENERATING,
    State.GENERATED,
    State.UNKNOWN,
    State.UNRESOLVED,
)


def pause(batch: AnyBatch = None, *, account: Flag = False, json: Json = False) -> int:
    """Start nothing more of a batch, or of the whole account; what is sent goes on.

    For example:

        reelmill pause products-1f0c33ab
        reelmill pause --account

    Args:
        batch: Id of the batch.
        account: All batches of the account.
        json: Print what was done as JSON.
    """
    return _hold(batch, account=account, on=True, json=json)


def resume(batch: AnyBatch = None, *, account: Flag = False, json: Json = False) -> int:
    """Let a paused batch, or the account, start again.

    For example:

        reelmill resume products-1f0c33ab
        reelmill resume --account

    Args:
        batch: Id of the batch.
        account: All batches of the account; a rest after a refusal ends, too.
        json: Print what was done as JSON.
    """
    return _hold(batch, account=account, on=False, json=json)


def collect(batch: AnyBatch = None, *, json: Json = False) -> int:
    """Fetch what is paid but not stored yet, without starting anything new.

    For example:

        reelmill collect
        reelmill collect products-1f0c33ab

    Args:
        batch: Id of the batch; the newest one if none is named.
        json: Print the outcome as JSON.
    """
    chosen = chosen_settings(starts=False)
    with ledger_of(chosen, alone=True) as ledger:
        found = find_batch(ledger, batch)
        same_account(found, chosen)
        # Look at everything that was begun now, not when it is due.
        refs = ledger.batches.refs_in(found.id, BEGUN)
        ledger.delay_queue.extend(found.account, refs, 0.0)
        now = render(ledger, chosen, found.id)
        document, place = keep_report(ledger, found.id, time.time())
    print_outcome(document, place, json=json)
    print_ending(now, None)
    return outcome(now)


def _hold(batch: str | None, *, account: bool, on: bool, json: bool) -> int:
    if account == (batch is not None):
        raise CommandError(
            "name a batch, of which reelmill list --open has the ids, or say --account "
            "for all batches of the account"
        )
    chosen = chosen_settings()
    with ledger_of(chosen, alone=False) as ledger:
        if account:
            _hold_account(ledger, chosen, on=on, json=json)
        else:
            found = find_batch(ledger, batch, whole=False)
            _hold_batch(ledger, found, on=on, json=json)
    return Exit.STORED


def _hold_account(ledger: Ledger, chosen: Settings, *, on: bool, json: bool) -> None:
    account = find_account(ledger, chosen)
    before = ledger.permits.read(account)
    if before.older and not on:
        raise CommandError(older_words(before.older))
    (ledger.permits.pause if on else ledger.permits.resume)(account)
    if json:
        done = {"account": account, "paused": on, "was_paused": before.paused}
        print_json(done if on else done | {"forgotten": before.reason or None})
    elif on:
        console.say(
            f"account {account} is paused: nothing more starts, what was sent is "
            "finished; continue with: reelmill resume --account"
        )
    else:
        trouble = f"; forgotten: {before.reason}" if before.reason else ""
        console.say(f"account {account} may start again{trouble}")


def _hold_batch(ledger: Ledger, found: BatchRecord, *, on: bool, json: bool) -> None:
    (ledger.batches.pause if on else ledger.batches.resume)(found.id)
    now = ledger.snapshots.one(found.id)
    waiting, under_way = now.count(State.WAITING), now.under_way
    if json:
        done = {"batch": found.id, "paused": on, "was_paused": found.paused}
        print_json(done | {"waiting": waiting, "under_way": under_way})
    elif on:
        console.say(
            f"{found.id} is paused: {counted(waiting, 'job')} held until "
            f"reelmill resume {found.id}, {under_way} under way are finished"
        )
    else:
        words = "may start again" if found.paused else "was not paused"
        console.say(f"{found.id} {words}: {counted(waiting, 'job')} to go")
