"""Commands about what the clock hands over: schedules, and the process behind them."""

from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Group, Parameter

from producer.cli.app import Json, ScheduleName, app
from producer.options import READING, SPENDING, WHEN, Reading, Spending, When

GROUP = Group("Nightly", sort_key=2)

schedule = App(
    name="schedule",
    help="Keep manifests to be handed over by the clock.",
    group=GROUP,
)
app.command(schedule)


@schedule.command
def add(
    name: str,
    /,
    *manifests: str,
    when: When = WHEN,
    reading: Reading = READING,
    spending: Spending = SPENDING,
    json: Json = False,
) -> int:
    """Keep manifests to be handed over by the clock.

    For example:

        reelmill schedule add nightly tonight.csv --cron "0 22 * * *" --budget 100
        reelmill schedule add shop "/srv/shop/*.csv" --cron "0 * * * *" --yes

    Args:
        name: What the schedule is called.
        manifests: What is handed over: files, patterns, or folders of manifests. Each
            firing hands all over; what is known is not paid again.
        when: When it fires, and what it fires.
        reading: How the manifests are read.
        spending: What may be spent, and where to.
        json: Print the schedule as JSON.
    """
    from producer.nightly.scheduling import add

    return add(name, manifests, reading, spending, **asdict(when), json=json)


@schedule.command(name="list")
def list_(*, json: Json = False) -> int:
    """Show when each schedule fires next, and what came of it last.

    For example:

        reelmill schedule list

    Args:
        json: Print them as JSON.
    """
    from producer.nightly.scheduling import list_schedules

    return list_schedules(json=json)


@schedule.command
def remove(name: ScheduleName, *, json: Json = False) -> int:
    """Take a schedule away; what it has handed over goes on.

    For example:

        reelmill schedule remove nightly

    Args:
        name: What it is called.
        json: Print what was done as JSON.
    """
    from producer.nightly.scheduling import remove

    return remove(name, json=json)


@schedule.command
def run_now(name: ScheduleName, *, json: Json = False) -> int:
    """Fire a schedule here and now.

    For example:

        reelmill schedule run-now nightly

    Args:
        name: What it is called.
        json: Print what came of it as JSON.
    """
    from producer.nightly.scheduling import run_now

    return run_now(name, json=json)


@app.command(group=GROUP)
def scheduler(*, check: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Fire what is due, until it is told to stop; any number of these may run.

    For example:

        reelmill scheduler
        reelmill scheduler --check

    Args:
        check: Only tell whether one is alive, for the health check of a container.
    """
    from producer.nightly.scheduler import scheduler

    return scheduler(check=check)
