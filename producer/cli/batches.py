"""Commands about batches that exist: look at them, act on them."""

from typing import Annotated

from cyclopts import Group, Parameter

from producer.cli.app import Json, app

GROUP = Group("Batches", sort_key=1)


@app.command(group=GROUP)
def report(
    batch: str | None = None,
    *,
    billed: Annotated[bool, Parameter(negative="")] = False,
    json: Json = False,
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
    from producer.acting import report

    return report(batch, billed=billed, json=json)


@app.command(group=GROUP)
def show(
    batch: str | None = None, job: str | None = None, *, json: Json = False
) -> int:
    """Show the jobs of a batch, or all that happened to one of them.

    For example:

        reelmill show
        reelmill show products-1f0c33ab mug-orbit

    Args:
        batch: Id of the batch; the newest one if none is named.
        job: Id of a job in it.
        json: Print the jobs as JSON.
    """
    from producer.acting import show

    return show(batch, job, json=json)


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


@app.command(group=GROUP)
def retry(batch: str, job: str | None = None) -> int:
    """Let failed jobs wait for one more attempt; `reelmill run` then sends them.

    For example:

        reelmill retry products-1f0c33ab
        reelmill retry products-1f0c33ab mug-orbit

    Args:
        batch: Id of the batch.
        job: Id of a job in it; all that failed if none is named.
    """
    from producer.acting import retry

    return retry(batch, job)


@app.command(group=GROUP)
def resolve(
    batch: str,
    job: str,
    *,
    adopt: str | None = None,
    absent: Annotated[bool, Parameter(negative="")] = False,
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
    """
    from producer.acting import resolve

    return resolve(batch, job, adopt=adopt, absent=absent)
