"""Statements as tables at a terminal.

They show what their documents have, in the order of the documents, and add nothing up;
a report of one batch is printed in `printing`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape

from jobs.report.markdown import counted
from jobs.report.page_words import count, moment, short_names
from producer import tables

Document = Mapping[str, Any]

_NUMBERS = ("videos", "attempts", "charged", "refunded", "net")
_SPARE = ("attempts", "refunded", "charged")


def print_statement(document: Document) -> None:
    """Print a statement: a table by batch, by model and by each label."""
    _print_table("batch", [(x["batch"], x) for x in document["by_batch"]])
    lines = document["by_model"]
    names = short_names(x["model"] for x in lines if x["model"] is not None)
    named = [(names.get(x["model"], "unknown"), x) for x in lines]
    _print_table("model", named)
    by_label: dict[str, list[tuple[str, Document]]] = {}
    for x in document["by_label"]:
        value = "without" if x["value"] is None else f"{x['label']}={x['value']}"
        by_label.setdefault(x["label"], []).append((value, x))
    for name, values in by_label.items():
        _print_table(f"label {name}", values)
    total = document["total"]
    batches = count(total["batches"], "batch", "batches")
    tables.tell(
        f"{moment(document['since'])} to {moment(document['until'])}: {batches}, "
        f"{counted(total) or 'nothing was sent'}"
    )
    tables.tell(
        f"charged ${total['charged_usd']}, refunded ${total['refunded_usd']}, net "
        f"${total['net_usd']}, wasted ${total['wasted_usd']}"
    )
    if "invoice" in document:
        for line in tables.invoice_lines(document["invoice"]):
            tables.tell(line)


def _print_table(what: str, lines: Sequence[tuple[str, Document]]) -> None:
    if not lines:
        return
    made = tables.table(what, *_NUMBERS, right=_NUMBERS, spare=_SPARE)
    for name, line in lines:
        made.add_row(
            escape(name),
            f"{line['stored'] + line['reused']}/{line['jobs']}",
            str(line["attempts"]),
            *(f"${line[key]}" for key in ("charged_usd", "refunded_usd", "net_usd")),
        )
    tables.out.print(made)
    tables.out.print()
