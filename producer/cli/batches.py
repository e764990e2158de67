"""Commands about batches that exist: look at them, act on them."""

from typing import Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from jobs.states import State
from producer.cli.app import AnyBatch, Batch, Json, app
from producer.options import OVER, LabelOption, Over

GROUP = Group("Batches", sort_key=1)

#: How a report can be written.
Form = Literal["table", "json", "csv", "html"]

Flag = Annotated[bool, Parameter(negative="")]
Count = Annotated[int, Parameter(validator=Number(gte=1))]
Limit = Annotated[int | None, Parameter(validator=Number(gte=1))]


@app.command(group=GROUP, name="list")
def list_(
    *,
    unfinished: Annotated[bool, Parameter(name="--open", negative="")] = False,
    label: LabelOption = (),
    limit: Limit = None,
    page: Count = 1,
    json: Json = False,
) -> int:
    """Show the batches of the ledger, the newest first, a page at a time.

    For example:

        reelmill list
        reelmill list --open --page 2
        reelmill list --label team=shoes

    Args:
        unfinished: Only those that are not over.
        label: Only those with this label, such as `team=shoes`; repeatable.
        limit: Batches on a page.
        page: Which page.
        json: Print them as JSON, all of them unless limited.
    """
    from producer.show import Chosen, batches

    chosen = Chosen(unfinished=unfinished, labels=label)
    return batches(chosen, limit=limit, page=page, json=json)


@app.command(group=GROUP)
def show(
    batch: AnyBatch = None,
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
    from producer.show import show

    return show(batch, job, state=state, limit=limit, page=page, json=json)


@app.command(group=GROUP)
def watch(*batches: Batch, json: Json = False) -> int:
    """Watch batches until they are over, or only a person can go on.

    Ctrl-C ends the watching and leaves the batches alone.

        reelmill watch
        reelmill watch products-1f0c33ab
        reelmill watch products-1f0c33ab --json

    Args:
        batches: Ids of the batches; all that are open if none is named.
        json: Print a line of JSON for every event.
    """
    from producer.watch import watch

    return watch(batches, json=json)


@app.command(group=GROUP)
def report(
    batch: AnyBatch = None,
    *,
    over: Over = OVER,
    form: Annotated[Form | None, Parameter(name="--format")] = None,
    billed: Flag = False,
    schema: Flag = False,
    json: Json = False,
) -> int:
    """Show what a batch cost and what became of its rows; writes the report anew.

    With `--since` it sums up all batches of a time instead, by batch, model and label.

        reelmill report
        reelmill report products-1f0c33ab --billed
        reelmill report products-1f0c33ab --format md
        reelmill report --since 30d --label team=shoes
        reelmill report --since 2026-11-01 --until 2026-12-01 --format csv

    Args:
        batch: Id of the batch; the newest one if none is named.
        over: Which time a statement is about, and which batches.
        form: How it is written: a table, JSON, CSV, or the page itself.
        billed: Compare with the provider's billing records, row by row.
        schema: Print the JSON Schema of `report.json`, and nothing else.
        json: Print it all as JSON.
    """
    from producer.report import report

    return report(batch, over=over, form=form, billed=billed, schema=schema, json=json)


@app.command(group=GROUP)
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
    from producer.pause import pause

    return pause(batch, account=account, json=json)


@app.command(group=GROUP)
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
    from producer.pause import resume

    return resume(batch, account=account, json=json)


@app.command(group=GROUP)
def cancel(
    batch: Batch,
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
    from producer.cancel import cancel

    return cancel(batch, job, abandon=abandon, yes=yes, json=json)


@app.command(group=GROUP)
def retry(
    batch: Batch,
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
    from producer.retry import retry

    return retry(batch, job, cancelled=cancelled, yes=yes, json=json)


@app.command(group=GROUP)
def resolve(
    batch: Batch,
    job: str | None = None,
    *,
    adopt: str | None = None,
    absent: Flag = False,
    candidates: Flag = False,
    decisions: str | None = None,
    json: Json = False,
) -> int:
    """Settle paid requests whose answers were lost; `reelmill show` has the candidates.

    For example:

        reelmill resolve products-1f0c33ab mug-orbit --adopt 6376541342614005
        reelmill resolve products-1f0c33ab mug-orbit --absent
        reelmill resolve products-1f0c33ab --absent
        reelmill resolve products-1f0c33ab --candidates
        reelmill resolve products-1f0c33ab --decisions decisions.csv

    Args:
        batch: Id of the batch.
        job: Id of the job in it.
        adopt: The prediction that is this job's.
        absent: No prediction is this job's; it is sent, and paid, again. Without a job:
            all of which no candidate is left that no other row has.
        candidates: Print a table of all that are unresolved, as CSV; the column
            `prediction` is to be filled in, with an id or `absent`.
        decisions: Settle what that table says; lines without a word stay as they are.
        json: Print what was done as JSON.
    """
    from producer.resolve import resolve

    return resolve(
        batch,
        job,
        adopt=adopt,
        absent=absent,
        candidates=candidates,
        decisions=decisions,
        json=json,
    )


@app.command(group=GROUP)
def collect(batch: AnyBatch = None, *, json: Json = False) -> int:
    """Fetch what is paid but not stored yet, without starting anything new.

    For example:

        reelmill collect
        reelmill collect products-1f0c33ab

    Args:
        batch: Id of the batch; the newest one if none is named.
        json: Print the outcome as JSON.
    """
    from producer.pause import collect

    return collect(batch, json=json)
