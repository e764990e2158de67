"""Bringing an archived batch back for a command that needs its jobs.

Nothing of such a batch is shown, tried again or paid before all of it is there. How it
is done, and archived again later, stands in `jobs.ledger.archiving`.
"""

from jobs.ledger import Ledger, archiving
from jobs.ledger.archive_file import BadArchive
from jobs.records import BatchRecord
from jobs.storage import Store, StoreError
from producer import tables
from producer.consent import counted
from producer.exits import Exit, Stop


def brought_back(ledger: Ledger, batch: BatchRecord) -> BatchRecord:
    """The batch with its jobs in the ledger, where they are brought to if need be.

    Raises:
        Stop: its archive is missing, damaged or out of reach.
    """
    if not batch.archived:
        return batch
    tables.say(f"bringing back {counted(batch.total)} of {batch.id} from its archive")
    try:
        archiving.recall(ledger, Store(batch.store), batch.id)
    except BadArchive as error:
        raise Stop(
            f"{batch.id} cannot be brought back from its archive: {error}. Nothing was "
            "sent, and its videos and its report are where they were; put the file "
            "back and run the same command again",
            Exit.INCOMPLETE,
        ) from None
    except StoreError as error:
        raise Stop(
            f"{batch.id} is archived, and its archive cannot be read: {error}; nothing "
            "was sent, run the same command again once its store answers",
            Exit.UNREACHABLE,
        ) from None
    return ledger.batches.read(batch.id) or batch
