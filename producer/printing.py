"""How a command begins and ends: what it prints of a batch, and how to go on."""

import json as jsonlib
import sys
from collections.abc import Iterable, Sequence
from textwrap import indent
from typing import Any

from jobs.states import State
from producer import account, tables
from producer.screen import visible_json
from producer.watching import Snapshot, held_up

#: Jobs that a sentence names.
MOST_NAMED = 5


def print_json(value: object) -> None:
    """A result for a program, on standard output."""
    sys.stdout.write(_json(value) + "\n")


def print_json_list(values: Iterable[object]) -> None:
    """Results for a program as one list, each written as soon as it is known."""
    opened = "["
    for value in values:
        sys.stdout.write(f"{opened}\n{indent(_json(value), '  ')}")
        opened = ","
    sys.stdout.write("[]\n" if opened == "[" else "\n]\n")


def _json(value: object) -> str:
    return visible_json(jsonlib.dumps(value, ensure_ascii=False, indent=2))


def print_gone(jobs: Sequence[str]) -> None:
    """Say which videos of a batch were stored and are not there any more."""
    if jobs:
        few, more = ", ".join(jobs[:MOST_NAMED]), len(jobs) - MOST_NAMED
        tables.say(
            f"stored before, and gone from the store: {few}"
            f"{f' and {more} more' if more > 0 else ''}; a manifest of these "
            "rows alone renders them again, --fresh renders all"
        )


def print_beginning(before: Snapshot) -> None:
    """Say what is about to be done."""
    batch = before.batch
    left = batch.total - before.over
    reused = before.count(State.REUSED)
    if not left and reused == batch.total:
        tables.say(f"{batch.id}: all {reused} videos were stored before")
    elif not left:
        tables.say(f"{batch.id}: nothing is left to do; nothing is sent")
    elif left + reused == batch.total and not before.under_way:
        again = f"; {reused} more were stored before" if reused else ""
        tables.say(f"{batch.id}: {left} videos to {batch.store}/{batch.id}{again}")
    else:
        tables.say(
            f"{batch.id}: going on; {before.over} of {batch.total} are over, "
            f"{before.under_way} were already sent"
        )


def print_ending(now: Snapshot, before: Snapshot | None) -> None:
    """Say where the videos are; or what is left, why, and how to go on."""
    left = now.batch.total - now.over
    if not left:
        _print_over(now, before)
        return
    tables.say(
        f"incomplete: {left} of {now.batch.total} are left"
        f"{held_up(now).replace(chr(10), '; ')}"
    )
    if before is None:
        _print_failed(now, f"reelmill report {now.batch.id} tells")
    # Who was only looking after what had begun starts the rest with another command.
    again = "run the same command" if before else "run the manifest"
    if now.batch.paused or now.account.paused or now.batch.cancelled:
        return
    if now.batch.stopped_by == "daily-budget":
        tables.say("the rest can start tomorrow (UTC), or raise REELMILL_DAILY_BUDGET")
    elif now.batch.stopped_by == "budget":
        tables.say(f"raise --budget and {again} to go on")
    elif now.account.trouble:
        tables.say(account.CURES.get(now.account.trouble, "look at the account"))
    elif now.under_way > now.count(State.FOLLOWING):
        paid = now.under_way - now.count(State.FOLLOWING)
        tables.say(
            f"{paid} are under way at the provider and paid; "
            "run the same command within 7 days to go on"
        )
    elif now.count(State.UNRESOLVED, State.OVERDUE) == left:
        _print_lasting(now, again)
    else:
        tables.say(f"{again} to go on")


def _print_lasting(now: Snapshot, again: str) -> None:
    if overdue := now.count(State.OVERDUE):
        tables.say(
            f"the provider does not end {overdue}, which are paid; {again} within 7 "
            "days to ask for them again"
        )
    if unresolved := now.count(State.UNRESOLVED):
        tables.say(
            f"a person must settle {unresolved}: "
            f"reelmill show {now.batch.id} JOB tells what is known of one"
        )


def _print_over(now: Snapshot, before: Snapshot | None) -> None:
    batch, done = now.batch, now.count(State.STORED, State.REUSED)
    if batch.cancelled:
        again = f"reelmill retry {batch.id} --cancelled takes it up again"
        tables.say(f"{now.count(State.CANCELLED)} are cancelled; {again}")
    elif before and before.over == before.batch.total:
        many = f"all {done}" if done == batch.total else f"{done}"
        tables.say(f"{many} were rendered before; none was sent")
    elif before or done or now.count(State.FAILED):
        tables.say(
            f"the videos are in {batch.store}/{batch.id}; open its report.html in a "
            "browser to see them"
        )
        if now.count(State.FAILED):
            _print_failed(now, "the report tells")
        elif before:
            tables.say("run again, a manifest pays only for what is new in it")


def _print_failed(now: Snapshot, where: str) -> None:
    if failed := now.count(State.FAILED):
        tables.say(
            f"{failed} failed: {where} why, and what to do about each; "
            "failed.csv beside it has their rows, to be mended and run"
        )


def print_outcome(document: dict[str, Any], place: str, *, json: bool) -> None:
    """What came of a batch: for a program without its rows, for a person as a table."""
    if json:
        told = ("batch", "state", "jobs", "cost")
        print_json({name: document[name] for name in told} | {"report": place})
    else:
        print_report(document, place)


def print_report(document: dict[str, Any], place: str) -> None:
    """Print the report of a batch and where it is kept."""
    tables.out.print(tables.report_table(document))
    for line in tables.trouble_lines(document):
        tables.tell(line)
    cost = document["cost"]
    tables.tell(
        f"estimated ${cost['estimated_usd']}, charged ${cost['charged_usd']}, "
        f"refunded ${cost['refunded_usd']}, net ${cost['net_usd']}"
    )
    if "invoice" in document:
        for line in tables.invoice_lines(document["invoice"]):
            tables.tell(line)
    tables.tell(place)
