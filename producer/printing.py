"""How a command begins and ends: what it prints of a batch, and how to go on."""

import json as jsonlib
import sys
from collections.abc import Iterable
from textwrap import indent
from typing import Any

from jobs.states import State
from producer import account, tables
from producer.watching import Snapshot, held_up


def print_json(value: object) -> None:
    """A result for a program, on standard output."""
    sys.stdout.write(jsonlib.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_json_list(values: Iterable[object]) -> None:
    """Results for a program as one list, each written as soon as it is known."""
    opened = "["
    for value in values:
        text = jsonlib.dumps(value, ensure_ascii=False, indent=2)
        sys.stdout.write(f"{opened}\n{indent(text, '  ')}")
        opened = ","
    sys.stdout.write("[]\n" if opened == "[" else "\n]\n")


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
    """Say what is left, why, and how to go on."""
    left = now.batch.total - now.over
    if not left:
        if now.batch.cancelled:
            again = f"reelmill retry {now.batch.id} --cancelled takes it up again"
            tables.say(f"{now.count(State.CANCELLED)} are cancelled; {again}")
        elif before and before.over == before.batch.total:
            done = now.count(State.STORED, State.REUSED)
            many = f"all {done}" if done == now.batch.total else f"{done}"
            tables.say(f"{many} were rendered before; none was sent")
        return
    tables.say(
        f"incomplete: {left} of {now.batch.total} are left"
        f"{held_up(now).replace(chr(10), '; ')}"
    )
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
    elif now.count(State.UNRESOLVED) == left:
        tables.say(
            "a person must settle them: "
            f"reelmill show {now.batch.id} JOB tells what is known of one"
        )
    else:
        tables.say(f"{again} to go on")


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
        tables.out.print(line, markup=False, soft_wrap=True)
    cost = document["cost"]
    tables.out.print(
        f"estimated ${cost['estimated_usd']}, charged ${cost['charged_usd']}, "
        f"refunded ${cost['refunded_usd']}, net ${cost['net_usd']}"
    )
    if "invoice" in document:
        for line in tables.invoice_lines(document["invoice"]):
            tables.out.print(line, markup=False, soft_wrap=True)
    tables.out.print(place, markup=False, soft_wrap=True)
