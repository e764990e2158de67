"""`schedule`: add, list and remove schedules, and fire one now.

What is due is fired by `scheduler`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from jobs.ledger import Ledger
from jobs.ledger.schedules import Standing
from jobs.schedule import (
    LATE_S,
    Firing,
    Handed,
    Schedule,
    ScheduleError,
    span_s,
)
from jobs.settings import Settings
from jobs.states import State
from jobs.storage import StoreError, normal
from jobs.text import duration, iso, masked
from producer import console
from producer.console import Table, print_json
from producer.exits import CommandError, Exit
from producer.load import budget_of
from producer.manifests.source import STDIN, UnreadableError, is_bucket, path_of
from producer.options import (
    READING,
    SPENDING,
    WHEN,
    Json,
    Reading,
    ScheduleName,
    Spending,
    When,
    chosen_settings,
    given_labels,
)
from producer.scheduler import STALE_S, Scheduler, fleet_ledger, left_to_others

#: Firings that are told to a program.
MAX_FIRINGS = 10


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
    chosen = chosen_settings()
    try:
        schedule = _schedule(name, manifests, when, reading, spending, chosen)
        with fleet_ledger(chosen) as ledger:
            schedule.check(ledger.now_s())
            if not ledger.schedules.add(schedule, replace=when.replace):
                raise CommandError(
                    f"there is a schedule {name} already; --replace changes it"
                )
            _warn_of_missing(schedule)
            _print_added(ledger, schedule, json=json)
    except ScheduleError as bad:
        raise CommandError(str(bad)) from None
    return Exit.STORED


def list_(*, json: Json = False) -> int:
    """Show when each schedule fires next, and what came of it last.

    For example:

        reelmill schedule list

    Args:
        json: Print them as JSON.
    """
    chosen = chosen_settings()
    with fleet_ledger(chosen) as ledger:
        now_s = ledger.now_s()
        known = ledger.schedules.all()
        try:
            told = [_document(ledger, standing, now_s) for standing in known]
        except ScheduleError as bad:  # a zone that only other machines know
            raise CommandError(str(bad)) from None
        words = stale_words(ledger, chosen.account_id)
    if json:
        print_json({"schedules": told, "warnings": [words] if words else []})
    elif known:
        _print_schedules(told)
    else:
        console.say("there is no schedule yet; reelmill schedule add makes one")
    if words and not json:
        console.say(words)
    return Exit.STORED


def remove(name: ScheduleName, *, json: Json = False) -> int:
    """Take a schedule away; what it has handed over goes on.

    For example:

        reelmill schedule remove nightly

    Args:
        name: What it is called.
        json: Print what was done as JSON.
    """
    with fleet_ledger(chosen_settings()) as ledger:
        if not ledger.schedules.remove(name):
            raise _unknown(ledger, name)
    if json:
        print_json({"removed": name})
    else:
        console.say(f"{name} fires no more; the batches that it made stay")
    return Exit.STORED


def run_now(name: ScheduleName, *, json: Json = False) -> int:
    """Fire a schedule here and now.

    For example:

        reelmill schedule run-now nightly

    Args:
        name: What it is called.
        json: Print what came of it as JSON.
    """
    chosen = chosen_settings()
    with fleet_ledger(chosen) as ledger:
        standing = ledger.schedules.read(name)
        if standing is None:
            raise _unknown(ledger, name)
        if standing.schedule.account != chosen.account_id:
            raise CommandError(
                f"{name} belongs to account {standing.schedule.account}; {_OTHER}"
            )
        firing = Scheduler.of(ledger, chosen).fire_now(standing)
        record = left_to_others(name, firing)
        told = _firing_document(ledger, standing.schedule, record)
    if json:
        print_json(told)
    else:
        for line in _firing_lines(told):
            console.out.print(line, markup=False, soft_wrap=True)
    if firing.again:
        return Exit.UNREACHABLE
    refused = any(not handed.batch for handed in firing.handed)
    return Exit.USAGE if refused else Exit.STORED


def stale_words(ledger: Ledger, account_id: str) -> str:
    """What is wrong with the schedulers of an account; empty if nothing is.

    Nothing is if there is no schedule that one of them would fire.
    """
    names = [
        standing.schedule.name
        for standing in ledger.schedules.all()
        if standing.schedule.account == account_id
    ]
    beat_s = ledger.schedules.heartbeat_s(account_id)
    silent_s = ledger.now_s() - beat_s
    if not names or silent_s <= STALE_S:
        return ""
    seen = f" (last seen {duration(silent_s)} ago)" if beat_s else ""
    what = f"{len(names)} schedules" if len(names) > 1 else names[0]
    return f"no scheduler runs{seen}, so {what} will not fire: start reelmill scheduler"


def _schedule(
    name: str,
    manifests: Sequence[str],
    when: When,
    reading: Reading,
    spending: Spending,
    chosen: Settings,
) -> Schedule:
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set; a schedule belongs to the account that "
            "pays, so set it to that account's key"
        )
    if not spending.yes and spending.budget is None:
        raise CommandError(
            "schedules run unattended: pass --budget USD, or --yes for no limit"
        )
    if when.cron is None:
        raise CommandError('say when: --cron "0 22 * * *" is every day at 22:00')
    return Schedule(
        name=name,
        cron=when.cron,
        zone=when.zone,
        manifests=tuple(map(_place, manifests)),
        account=chosen.account_id,
        by=when.by,
        late_s=LATE_S if when.late is None else span_s(when.late),
        pictures=when.pictures,
        reading=_given(reading, READING),
        spending=_given(_checked(spending), SPENDING),
    )


_OTHER = "set WAVESPEED_API_KEY, or REELMILL_ACCOUNT, to that of the account"


def _place(manifest: str) -> str:
    """A manifest as it is found from anywhere on the machine."""
    if manifest == STDIN:
        raise CommandError("a schedule cannot read from standard input; name a file")
    if is_bucket(manifest):
        return manifest
    try:
        return str(Path(path_of(manifest)).absolute())
    except UnreadableError as unreadable:
        problem = unreadable.problem
        raise CommandError(
            f"{manifest}: {problem.message}; {problem.suggestion}"
        ) from None


def _checked(spending: Spending) -> Spending:
    """What may be spent, refused now rather than at night."""
    if spending.fresh:
        raise CommandError(
            "--fresh would pay again at every firing; it is for run and submit"
        )
    given_labels(spending.label)
    budget_of(spending)
    try:
        store = normal(spending.store) if spending.store else None
    except StoreError as error:
        raise CommandError(str(error)) from None
    return replace(spending, yes=False, store=store)


def _given(options: Reading | Spending, default: Reading | Spending) -> dict[str, Any]:
    """The options that were given, by name."""
    values = {f.name: getattr(options, f.name) for f in fields(options)}
    return {n: v for n, v in values.items() if v != getattr(default, n)}


def _unknown(ledger: Ledger, name: str) -> CommandError:
    names = [standing.schedule.name for standing in ledger.schedules.all()]
    others = f"; there are {', '.join(names)}" if names else ""
    return CommandError(f"there is no schedule {name}{others}")


def _warn_of_missing(schedule: Schedule) -> None:
    """Name files that are not there yet; a pattern may well fit nothing today."""
    for place in schedule.manifests:
        is_pattern = any(sign in place for sign in "*?[")
        if not (is_bucket(place) or is_pattern or Path(place).exists()):
            console.say(
                f"{masked(place)} does not exist now; a firing refuses it unless it "
                "exists by then"
            )


def _print_added(ledger: Ledger, schedule: Schedule, *, json: bool) -> None:
    now_s = ledger.now_s()
    standing = ledger.schedules.read(schedule.name)
    if json and standing:
        print_json(_document(ledger, standing, now_s))
        return
    console.say(
        f"{schedule.name} fires next at {schedule.say(schedule.next_s(now_s))}: "
        f"{masked(', '.join(schedule.manifests))}"
    )
    if words := stale_words(ledger, schedule.account):
        console.say(words)


def _document(ledger: Ledger, standing: Standing, now_s: float) -> dict[str, Any]:
    """A schedule for a program."""
    schedule = standing.schedule
    firings = ledger.schedules.firings(schedule.name, MAX_FIRINGS)
    told = [_firing_document(ledger, schedule, firing) for firing in firings]
    trying = standing.trying
    last = _firing_document(ledger, schedule, trying) if trying else None
    holder = standing.holder.partition("#")[0]
    next_s = schedule.next_s(now_s)
    same = ("name", "cron", "zone", "late_s", "pictures", "account")
    return {
        **{name: getattr(schedule, name) for name in same},
        "by": schedule.by or None,
        "manifests": [masked(manifest) for manifest in schedule.manifests],
        "options": {**schedule.reading, **schedule.spending},
        "next": iso(next_s),
        "next_there": schedule.say(next_s),
        "fired_by": (holder or None) if standing.held_until_s > now_s else None,
        "last": last or next(iter(told), None),
        "firings": told,
    }


def _firing_document(
    ledger: Ledger, schedule: Schedule, firing: Firing
) -> dict[str, Any]:
    return {
        "at": iso(firing.at_s),
        "at_there": schedule.say(firing.at_s),
        "ended": iso(firing.ended_s),
        "manifests": [_handed_document(ledger, handed) for handed in firing.handed],
        "warnings": list(firing.warnings),
        "again": firing.again or None,
    }


def _handed_document(ledger: Ledger, handed: Handed) -> dict[str, Any]:
    document: dict[str, Any] = {
        "manifest": masked(handed.manifest),
        "batch": handed.batch or None,
        **dict.fromkeys(("jobs", "stored", "unfinished")),
        "problems": list(handed.problems),
    }
    if handed.batch and (batch := ledger.batches.read(handed.batch)):
        document["jobs"] = batch.total
        document["stored"] = batch.count(State.STORED, State.REUSED)
        document["unfinished"] = batch.total - batch.over
    return document


def _print_schedules(told: list[dict[str, Any]]) -> None:
    columns = ("schedule", "cron", "next", "last", "outcome")
    made = Table(*columns, sentences=columns[2:])
    for one in told:
        last = one["last"]
        outcome = "; ".join(_firing_lines(last)) if last else "not fired yet"
        if one["fired_by"] and not (last and last["again"]):
            outcome = f"being fired by {one['fired_by']}"
        cells = (one["name"], one["cron"], one["next_there"])
        made.add(*cells, last["at_there"] if last else "", outcome)
    console.out.print(made)


def _firing_lines(told: dict[str, Any]) -> Iterator[str]:
    """What came of a firing, a sentence each."""
    for handed in told["manifests"]:
        if handed["batch"]:
            counts = ""
            if handed["jobs"] is not None:
                counts = f": {handed['stored']} of {handed['jobs']} stored"
            yield f"{handed['batch']}{counts}"
        else:
            yield f"{handed['manifest']} refused: {handed['problems'][0]}"
    yield from told["warnings"]
    if told["again"]:
        yield f"{told['again']}; it will be tried again"
