"""Commands about batches that exist: look at them, act on them."""

from typing import Annotated

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from jobs.states import State
from producer.cli.app import Json, app

GROUP = Group("Batches", sort_key=1)

Flag = Annotated[bool, Parameter(negative="")]
Count = Annotated[int, Parameter(validator=Number(gte=1))]
Limit = Annotated[int | None, Parameter(validator=Number(gte=1))]


@app.command(group=GROUP, name="list")
def list_(
    *,
    unfinished: Annotated[bool, Parameter(name="--open", negative="")] = False,
    limit: Limit = None,
    page: Count = 1,
    json: Json = False,
) -> int:
    """Show the batches of the ledger, the newest first, a page at a time.

    For example:

        reelmill list
        reelmill list --open --page 2

    Args:
        unfinished: Only those that are not over.
        limit: Batches on a page.
        page: Which page.
        json: Print them as JSON, all of them unless limited.
    """
    from producer.showing import batches

    return batches(unfinished=unfinished, limit=limit, page=page, json=json)


@app.command(group=GROUP)
def show(
    batch: str | None = None,
    job: str | None = None,
    *,
    state: State | None = None,
    limit: Limit = None,
    page: Count = 1,
    json: Json = False,
) -> int:
    """Show the jobs of a batch, or all that happened to one of them.

    For example:

        reelmill show
        reelmill show products-1f0c33ab --state failed
        reelmill show products-1f0c33ab mug-orbit

    Args:
        batch: Id of the batch; the newest one if none is named.
        job: Id of a job in it.
        state: Only jobs in this state.
        limit: Jobs on a page.
        page: Which page.
        json: Print the jobs as JSON, all of them unless limited.
    """
    from producer.showing import show

    return show(batch, job, state=state, limit=limit, page=page, json=json)


@app.command(group=GROUP)
def watch(batch: str, *, json: Json = False) -> int:
    """Watch a batch until it is over, or only a person can go on.

    Ctrl-C ends the watching and leaves the batch alone.

        reelmill watch products-1f0c33ab

    Args:
        batch: Id of the batch.
        json: Print a line of JSON for every change.
    """
    from producer.awaiting import watch

    return watch(batch, json=json)


@app.command(group=GROUP)
def report(
    batch: str | None = None, *, billed: Flag = False, json: Json = False
) -> int:
    """Show what a batch cost and what became of its rows; writes the report anew.

    For example:

        reelmill report
        reelmill report products-1f0c33ab --billed

    Args:
        batch: Id of the batch; the newest one if none is named.
        billed: Compare with the provider's billing records, row by row.
        json: Print the whole report as JSON.
    """
    from producer.showing import report

    return report(batch, billed=billed, json=json)


@app.command(group=GROUP)
def pause(
    batch: str | None = None, *, account: Flag = False, json: Json = False
) -> int:
    """Start nothing more of a batch, or of the whole account; what is sent goes on.

    For example:

        reelmill pause products-1f0c33ab
        reelmill pause --account

    Args:
        batch: Id of the batch.
        account: All batches of the account.
        json: Print what was done as JSON.
    """
    from producer.acting import pause

    return pause(batch, account=account, json=json)


@app.command(group=GROUP)
def resume(
    batch: str | None = None, *, account: Flag = False, json: Json = False
) -> int:
    """Let a paused batch, or the account, start again.

    For example:

        reelmill resume products-1f0c33ab
        reelmill resume --account

    Args:
        batch: Id of the batch.
        account: All batches of the account; a rest after a refusal ends, too.
        json: Print what was done as JSON.
    """
    from producer.acting import resume

    return resume(batch, account=account, json=json)


@app.command(group=GROUP)
def cancel(
    batch: str,
    job: str | None = None,
    *,
    abandon: Flag = False,
    yes: Flag = False,
    json: Json = False,
) -> int:
    """Take back what was not sent; what is paid is collected all the same.

    For example:

        reelmill cancel products-1f0c33ab
        reelmill cancel products-1f0c33ab mug-orbit --abandon --yes

    Args:
        batch: Id of the batch.
        job: Id of a job in it; the whole batch if none is named.
        abandon: Give up what is paid, too: it is not collected.
        yes: Do not ask before giving up what is paid.
        json: Print what was done as JSON.
    """
    from producer.cancelling import cancel

    return cancel(batch, job, abandon=abandon, yes=yes, json=json)


@app.command(group=GROUP)
def retry(
    batch: str,
    job: str | None = None,
    *,
    cancelled: Flag = False,
    yes: Flag = False,
    json: Json = False,
) -> int:
    """Let failed jobs wait for one more attempt; a fleet sends them at once.

    On this machine alone, `reelmill run` sends them and asks before.

        reelmill retry products-1f0c33ab
        reelmill retry products-1f0c33ab mug-orbit --yes

    Args:
        batch: Id of the batch.
        job: Id of a job in it; all that failed if none is named.
        cancelled: Bring back what was cancelled, too.
        yes: Do not ask before spending.
        json: Print what was done as JSON.
    """
    from producer.bringing_back import retry

    return retry(batch, job, cancelled=cancelled, yes=yes, json=json)


@app.command(group=GROUP)
def resolve(
    batch: str,
    job: str,
    *,
    adopt: str | None = None,
    absent: Flag = False,
    json: Json = False,
) -> int:
    """Settle a paid request whose answer was lost; `reelmill show` has the candidates.

    For example:

        reelmill resolve products-1f0c33ab mug-orbit --adopt 6376541342614005
        reelmill resolve products-1f0c33ab mug-orbit --absent

    Args:
        batch: Id of the batch.
        job: Id of the job in it.
        adopt: The prediction that is this job's.
        absent: No prediction is this job's; it is sent, and paid, again.
        json: Print what was done as JSON.
    """
    from producer.resolving import resolve

    return resolve(batch, job, adopt=adopt, absent=absent, json=json)


@app.command(group=GROUP)
def archive(*batches: str, older_than: str | None = None, json: Json = False) -> int:
    """Move the jobs of finished batches out of the ledger, to beside their videos.

    Workers do it after REELMILL_ARCHIVE_AFTER_S; what needs the jobs brings them back.

        reelmill archive products-1f0c33ab
        reelmill archive --older-than 30d

    Args:
        batches: Ids of the batches.
        older_than: All that have been over for so long: hours, days or weeks.
        json: Print what was done as JSON.
    """
    from producer.archiving import archive

    return archive(batches, older_than=older_than, json=json)


@app.command(group=GROUP)
def collect(batch: str | None = None, *, json: Json = False) -> int:
    """Fetch what is paid but not stored yet, without starting anything new.

    For example:

        reelmill collect
        reelmill collect products-1f0c33ab

    Args:
        batch: Id of the batch; the newest one if none is named.
        json: Print the outcome as JSON.
    """
    from producer.acting import collect

    return collect(batch, json=json)
