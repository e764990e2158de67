"""What a person sees at a terminal: tables and sentences, made from plain values."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from rich.markup import escape
from rich.text import Text

from jobs.catalogue.explaining import costs, rules
from jobs.catalogue.inputs import Input
from jobs.catalogue.model import Model
from jobs.pricing import usd
from jobs.records import BatchRecord, JobRecord
from jobs.wording import choice, plain
from producer.grid import Column, Grid
from producer.screen import Screen, folded, visible

#: Failed or unsettled rows that a table shows; the report has all.
MOST_ROWS = 20

#: Results.
out = Screen()
#: Talk about the work.
err = Screen(stderr=True)


def say(text: str) -> None:
    """One sentence about the work, to standard error, broken between words only."""
    _print_folded(err, text)


def tell(text: str) -> None:
    """One sentence of a result, to standard output, broken between words only."""
    _print_folded(out, text)


def _print_folded(screen: Screen, text: str) -> None:
    for line in folded(Text(visible(text)), screen.width):
        screen.print(line, soft_wrap=True)


def iso(at_s: float) -> str:
    """Unix seconds as a moment in UTC, for a program."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A line that counts things and their bytes while they are worked on."""
    if not err.is_interactive:
        yield lambda _count, _size_bytes: None
        return
    with err.status(f"{what} …") as status:

        def show(count: int, size_bytes: int) -> None:
            status.update(f"{what}: {count:,}, {size_bytes / 1e6:,.0f} MB")

        yield show


def table(
    *columns: str,
    right: tuple[str, ...] = (),
    spare: tuple[str, ...] = (),
    below: str = "",
) -> Grid:
    """An empty table.

    Args:
        columns: their headings; if the last one holds no numbers, it holds sentences.
        right: those that hold numbers.
        spare: those that a narrow terminal can do without, the first one first.
        below: the one whose sentences stand below their row where room is short.
    """
    return Grid(
        [
            Column(
                name,
                number=name in right,
                prose=name == columns[-1] and name not in right,
                below=name == below,
                spare=len(spare) - spare.index(name) if name in spare else 0,
            )
            for name in columns
        ]
    )


def models_table(models: Sequence[Model]) -> Grid:
    """The catalogue, a line each."""
    columns = ("model", "also", "seconds", "5 s", "10 s")
    made = table(*columns, right=("5 s", "10 s"), spare=("also",))
    for model in models:
        duration = model.inputs.get("duration")
        lengths = duration.allowed if duration else str(model.fixed_duration_s)
        also = ", ".join(model.aliases)
        made.add_row(model.name, also, lengths, _cost(model, 5), _cost(model, 10))
    return made


def model_table(model: Model) -> Grid:
    """Everything that one model takes."""
    columns = ("input", "type", "needed", "default", "allowed")
    made = table(*columns, spare=("type", "default"))
    for name, spec in model.inputs.items():
        default = "" if spec.default is None else plain(spec.default)
        needed = "yes" if spec.required else ""
        made.add_row(name, spec.type, needed, default, _allowed(spec))
    return made


def _allowed(spec: Input) -> str:
    if spec.max_chars:
        return f"up to {spec.max_chars} characters"
    if spec.max_items:
        return f"{spec.min_items} to {spec.max_items} items"
    return spec.allowed


def model_lines(model: Model) -> list[str]:
    """What is to be known of one model beside its inputs, a line each."""
    limits = model.pictures
    lines = [f"{model.title}: {model.id}"]
    if model.aliases:
        lines.append(f"also called {choice(model.aliases, word='and')}")
    formats, megabytes = ", ".join(limits.formats), limits.max_bytes / 1e6
    side = f"at least {limits.min_side_px} px"
    return [
        *lines,
        costs(model),
        *rules(model),
        f"pictures: {formats}, up to {megabytes:.0f} MB, sides of {side}",
    ]


def _short(model_id: str) -> str:
    """The short name within a full id, `owner/name` or `owner/name/kind`."""
    return model_id.split("/")[1] if "/" in model_id else model_id


def _cost(model: Model, duration_s: int) -> str:
    price = model.price_usd_micros({"duration": duration_s})
    return "unknown" if price is None else f"${usd(price)}"


def report_table(document: Mapping[str, Any]) -> Grid:
    """Cost of a batch by model and duration, as its report has it."""
    jobs, cost = document["jobs"], document["cost"]
    # A word that most batches have no use for takes no room.
    counts = ["stored", *(["reused"] if jobs.get("reused") else []), "failed"]
    numbers = ("videos", *counts, "charged", "refunded")
    spare = ("reused", "refunded", "videos")
    made = table("model", *numbers, right=numbers, spare=spare)
    for line in document["by_model"]:
        length = f" {line['duration_s']} s" if line["duration_s"] else ""
        made.add_row(
            _short(line["model"]) + length,
            str(line["jobs"]),
            *(str(line[name]) for name in counts),
            f"${line['charged_usd']}",
            f"${line['refunded_usd']}",
        )
    made.add_section()
    made.add_row(
        "[bold]total[/]",
        *(f"[bold]{jobs[name]}[/]" for name in ("total", *counts)),
        f"[bold]${cost['charged_usd']}[/]",
        f"[bold]${cost['refunded_usd']}[/]",
    )
    return made


def batches_table(*, labelled: bool = False) -> Grid:
    """A table for batches, a line each; empty. With `labelled` it has their labels."""
    numbers = ("stored", "charged", "budget")
    labels = ("labels",) if labelled else ()
    why = "why it stands still"
    columns = ("batch", "state", *numbers, "created", *labels, why)
    spare = (*labels, "created", "budget", "charged")
    return table(*columns, right=numbers, spare=spare, below=why)


def local(at_s: float) -> str:
    """Unix seconds as a moment of this machine, for a person."""
    return f"{datetime.fromtimestamp(at_s, UTC).astimezone():%Y-%m-%d %H:%M}"


def jobs_table(records: Iterable[JobRecord]) -> Grid:
    """Every job of a batch, a line each."""
    numbers = ("line", "attempts", "charged")
    columns = ("line", "job", "state", "attempts", "charged")
    made = table(*columns, right=numbers, spare=("attempts", "line", "charged"))
    for record in records:
        made.add_row(
            str(record.job.line),
            escape(record.job.id),
            record.state,
            str(len(record.attempts)),
            f"${usd(record.charged_usd_micros)}",
        )
    return made


def job_table(record: JobRecord) -> Grid:
    """All that happened to one job."""
    made = Grid([Column(""), Column("", prose=True)], headed=False)
    facts: dict[str, object] = {
        "job": record.job.id,
        "line": record.job.line,
        "model": record.job.model,
        "picture": record.job.image,
        "state": record.state,
        "video": record.video or "",
        "charged": f"${usd(record.charged_usd_micros)}",
        "error": record.failure.message if record.failure else "",
    }
    for name, value in facts.items():
        if value != "":
            made.add_row(name, escape(str(value)))
    for attempt in record.attempts:
        words = attempt.failure.message if attempt.failure else ""
        which = attempt.prediction_id or ""
        line = f"{attempt.outcome} {which} {words}".strip()
        made.add_row(f"attempt {attempt.number}", escape(line))
    return made


def invoice_lines(invoice: Mapping[str, Any]) -> list[str]:
    """What the provider's billing says beside our books."""
    billed = f"billed ${invoice['billed_usd']}"
    refunded = f"refunded ${invoice['billed_refunded_usd']}"
    lines = [f"{billed}, {refunded}, net ${invoice['billed_net_usd']}"]
    lines += [
        f"{d['id']}, attempt {d['attempt']}: {d['what']}: booked ${d['booked_usd']}, "
        f"billed ${d['billed_usd']} ({d['prediction_id']})"
        for d in invoice["differences"][:MOST_ROWS]
    ]
    lines += [
        f"unexplained: ${u['billed_usd']} at {u['at']} for prediction "
        f"{u['prediction_id']} {u['model']}"
        for u in invoice["unexplained"][:MOST_ROWS]
    ]
    if not invoice["differences"] and not invoice["unexplained"]:
        lines.append("the provider's billing equals this report")
    return lines


def trouble_lines(document: Mapping[str, Any]) -> list[str]:
    """A line for every row that is neither stored nor under way, up to a bound."""
    rows = (row for row in document["rows"] if row["error"])
    lines = [
        f"line {row['line']}, {row['id']}: {row['state']}: {row['error']['message']}"
        for row in islice(rows, MOST_ROWS)
    ]
    if more := sum(1 for _ in rows):
        lines.append(f"and {more} more; the report has all")
    return lines


def money(batch: BatchRecord) -> str:
    """What a batch has spent of what it may.

    A budget counts charges, whatever of them came back; an estimate knows no failures.
    """
    charged, refunded = batch.charged_usd_micros, batch.refunded_usd_micros
    if batch.budget_usd_micros is not None:
        return f"${usd(charged)} of ${usd(batch.budget_usd_micros)} budget"
    net, estimated = usd(charged - refunded), usd(batch.estimated_usd_micros)
    came_back = f", ${usd(refunded)} refunded" if refunded else ""
    return f"${net} of ${estimated} estimated{came_back}"
