"""How a command begins and ends: what it prints of a batch, and how to go on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from jobs.ledger.snapshots import BatchSnapshot
from jobs.report.statement import COUNTS
from jobs.report.words import moment, short_names
from jobs.states import State
from jobs.text import counted
from producer import account, console
from producer.console import Table, print_json
from producer.watching.status import held_up

#: A line of a report or statement, by what it is called.
Line = tuple[str, Mapping[str, Any]]

#: Jobs that a sentence names.
MAX_NAMED = 5

#: Failed or unsettled rows that are listed; the report has all.
MAX_ROWS = 20


def print_gone(jobs: Sequence[str]) -> None:
    """Say which videos of a batch were stored and are not there any more."""
    if jobs:
        more = f" and {len(jobs) - MAX_NAMED} more" if jobs[MAX_NAMED:] else ""
        console.say(
            f"stored before, and gone from the store: {', '.join(jobs[:MAX_NAMED])}"
            f"{more}; a manifest of these rows alone renders them again, --fresh "
            "renders all"
        )


def print_beginning(before: BatchSnapshot) -> None:
    """Say what is about to be done."""
    batch = before.batch
    left, reused = batch.total - before.over, before.count(State.REUSED)
    if not left and reused == batch.total:
        words = f"{counted(reused, 'video')} stored before; nothing is left to do"
    elif not left:
        words = "nothing is left to do; nothing is sent"
    elif not (before.under_way or before.count(State.STORED, State.CANCELLED)) and (
        not batch.charged_usd_micros
    ):
        words = f"{counted(left, 'video')} to {batch.store}/{batch.id}"
        if reused:
            words += f"; {reused} more were stored before"
        if refused := before.count(State.FAILED):
            words += f"; {refused} refused before and not sent"
    else:
        words = (
            f"going on; {before.over} of {batch.total} are over, "
            f"{before.under_way} were already sent"
        )
    console.say(f"{batch.id}: {words}")


def print_ending(now: BatchSnapshot, before: BatchSnapshot | None) -> None:
    """Say where the videos are; or what is left, why, and how to go on."""
    left = now.batch.total - now.over
    if not left:
        _print_over(now, before)
        return
    why = f"; {held_up(now)}" if held_up(now) else ""
    console.say(f"incomplete: {left} of {now.batch.total} left{why}")
    if before is None:
        _print_failed(now, f"reelmill report {now.batch.id} tells")
    # Who was only looking after what had begun starts the rest with another command.
    again = "run the same command" if before else "run the manifest"
    is_held = now.batch.paused or now.batch.cancelled or now.account.paused
    if not (is_held or (now.batch.stopped_by and not now.under_way)):
        for words in _ways_on(now, left, again):
            console.say(words)


def _ways_on(now: BatchSnapshot, left: int, again: str) -> Iterator[str]:
    """How a batch that is not over and that nobody stopped goes on."""
    paid = now.under_way - now.count(State.FOLLOWING)
    overdue, unresolved = now.count(State.OVERDUE), now.count(State.UNRESOLVED)
    if now.account.trouble:
        yield account.cure(now.account.trouble)
    elif paid > 0:
        yield (
            f"{paid} are under way at the provider and paid; "
            "run the same command within 7 days to go on"
        )
    elif overdue + unresolved < left:
        yield f"{again} to go on"
    else:
        if overdue:
            yield (
                f"the provider does not end {overdue}, which are paid; {again} within "
                "7 days to ask for them again"
            )
        if unresolved:
            yield (
                f"you must resolve {unresolved}: "
                f"reelmill show {now.batch.id} JOB tells what is known of one"
            )


def _print_over(now: BatchSnapshot, before: BatchSnapshot | None) -> None:
    batch, done = now.batch, now.count(State.STORED, State.REUSED)
    if batch.cancelled:
        again = f"reelmill retry {batch.id} --cancelled takes it up again"
        console.say(f"{now.count(State.CANCELLED)} are cancelled; {again}")
    elif before and before.over == before.batch.total:
        many = f"all {done}" if done == batch.total else f"{done}"
        console.say(f"{many} were rendered before; none was sent")
    elif before or done or now.count(State.FAILED):
        console.say(
            f"the videos are in {batch.store}/{batch.id}; open its report.html in a "
            "browser to see them"
        )
        if now.count(State.FAILED):
            _print_failed(now, "the report tells")
        elif before:
            console.say("run it again any time: only new or changed rows are charged")


def _print_failed(now: BatchSnapshot, where: str) -> None:
    if failed := now.count(State.FAILED):
        console.say(
            f"{failed} failed: {where} why, and what to do about each; "
            "correct their rows in failed.csv beside it and run that file"
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
    lines, jobs, cost = document["by_model"], document["jobs"], document["cost"]
    names = short_names(line["model"] for line in lines)
    lengths = (f" {x['duration_s']} s" if x["duration_s"] else "" for x in lines)
    named = [
        (names[x["model"]] + own, x) for x, own in zip(lines, lengths, strict=True)
    ]
    console.out.print(_table("model", named, jobs | cost | {"jobs": jobs["total"]}))
    for line in _trouble_lines(document):
        console.tell(line)
    console.tell(
        f"estimated ${cost['estimated_usd']}, charged ${cost['charged_usd']}, "
        f"refunded ${cost['refunded_usd']}, net ${cost['net_usd']}"
    )
    for line in _invoice_lines(document.get("invoice")):
        console.tell(line)
    console.tell(place)


def print_statement(document: Mapping[str, Any]) -> None:
    """Print a statement: a table by batch, by model and by each label."""
    total = document["total"]
    for what, lines in _by_kind(document).items():
        console.out.print(_table(what, lines, total))
        console.out.print()
    batches = counted(total["batches"], "batch", "batches")
    outcomes = ", ".join(f"{total[name]:,} {name}" for name in COUNTS if total[name])
    console.tell(
        f"{moment(document['since'])} to {moment(document['until'])}: {batches}, "
        f"{outcomes or 'nothing was sent'}"
    )
    console.tell(
        f"charged ${total['charged_usd']}, refunded ${total['refunded_usd']}, net "
        f"${total['net_usd']}, wasted ${total['wasted_usd']}"
    )
    for line in _invoice_lines(document.get("invoice")):
        console.tell(line)


def _by_kind(document: Mapping[str, Any]) -> dict[str, list[Line]]:
    """The lines of a statement by what they are sums of."""
    made: dict[str, list[Line]] = defaultdict(list)
    for line in document["by_batch"]:
        made["batch"].append((line["batch"], line))
    lines = document["by_model"]
    names = short_names(line["model"] for line in lines if line["model"] is not None)
    for line in lines:
        made["model"].append((names.get(line["model"], "unknown"), line))
    for line in document["by_label"]:
        value = f"{line['label']}={line['value']}"
        name = "without" if line["value"] is None else value
        made[f"label {line['label']}"].append((name, line))
    return made


def _table(what: str, lines: Sequence[Line], total: Mapping[str, Any]) -> Table:
    """Jobs and money, a line for each of something, and their sum."""
    # A word that most batches have no use for takes no room.
    counts = ["jobs", "stored", *(["reused"] if total["reused"] else []), "failed"]
    numbers = ["videos", *counts[1:], "charged", "refunded"]
    made = Table(what, *numbers, numbers=numbers)

    def add(name: str, line: Mapping[str, Any], style: str | None = None) -> None:
        money = (f"${line['charged_usd']}", f"${line['refunded_usd']}")
        made.add(name, *(str(line[each]) for each in counts), *money, style=style)

    for name, line in lines:
        add(name, line)
    made.add_section()
    add("total", total, "bold")
    return made


def _invoice_lines(invoice: Mapping[str, Any] | None) -> list[str]:
    """What the provider's billing says beside our books, if it was asked."""
    if invoice is None:
        return []
    billed = f"billed ${invoice['billed_usd']}"
    refunded = f"refunded ${invoice['billed_refunded_usd']}"
    lines = [f"{billed}, {refunded}, net ${invoice['billed_net_usd']}"]
    lines += [
        f"{d['id']}, attempt {d['attempt']}: {d['what']}: booked ${d['booked_usd']}, "
        f"billed ${d['billed_usd']} ({d['prediction_id']})"
        for d in invoice["differences"][:MAX_ROWS]
    ]
    lines += [
        f"unexplained: ${u['billed_usd']} at {u['at']} for prediction "
        f"{u['prediction_id']} {u['model']}"
        for u in invoice["unexplained"][:MAX_ROWS]
    ]
    if not invoice["differences"] and not invoice["unexplained"]:
        lines.append("the provider's billing equals this report")
    return lines


def _trouble_lines(document: Mapping[str, Any]) -> list[str]:
    """A line for every row that is neither stored nor under way, up to a bound."""
    rows = (row for row in document["rows"] if row["error"])
    lines = [
        f"line {row['line']}, {row['id']}: {row['state']}: {row['error']['message']}"
        for row in islice(rows, MAX_ROWS)
    ]
    if more := sum(1 for _ in rows):
        lines.append(f"and {more} more; the report has all")
    return lines
