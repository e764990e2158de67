"""A statement as Markdown: a headline, then a table for each kind of line.

What counts is decided in `statement`; that nothing in it acts, in `inert`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobs.batch.labels import told
from jobs.report.inert import code, table
from jobs.report.markdown import billing, counted, joined, money
from jobs.report.page_words import count, moment, short_names

_NUMBERS = ("videos", "attempts", "charged", "refunded", "net", "wasted")


def statement_markdown(document: Mapping[str, Any]) -> str:
    """The statement of a time."""
    by_label: dict[str, list[list[str]]] = {}
    for line in document["by_label"]:
        value = "*without*" if line["value"] is None else code(line["value"])
        by_label.setdefault(line["label"], []).append([value, *_cells(line)])
    parts = [
        _head(document),
        _table("batch", [[code(x["batch"]), *_cells(x)] for x in document["by_batch"]]),
        _table("model", _models(document["by_model"])),
        *(_table(f"label {code(name)}", by_label[name]) for name in by_label),
        _inexact(document["inexact"]),
        _others(document.get("other_accounts", ())),
        billing(document.get("invoice")),
    ]
    return joined(parts)


def _head(document: Mapping[str, Any]) -> list[str]:
    total, labels = document["total"], document["labels"]
    chosen = f", only {code(told(labels))}" if labels else ""
    since, until = moment(document["since"]), moment(document["until"])
    batches = count(total["batches"], "batch", "batches")
    return [
        f"## {since} to {until}{chosen}",
        "",
        f"{batches}: {counted(total) or 'nothing was sent'}",
        "",
        money(total),
    ]


def _models(lines: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    names = short_names(line["model"] for line in lines if line["model"] is not None)
    words = {name: code(short) for name, short in names.items()} | {None: "*unknown*"}
    return [[words[line["model"]], *_cells(line)] for line in lines]


def _cells(line: Mapping[str, Any]) -> list[str]:
    amounts = ("charged_usd", "refunded_usd", "net_usd", "wasted_usd")
    having = line["stored"] + line["reused"]
    return [
        f"{having:,} of {line['jobs']:,}",
        f"{line['attempts']:,}",
        *(f"${line[name]}" for name in amounts),
    ]


def _table(what: str, rows: list[list[str]]) -> list[str]:
    return table([what, *_NUMBERS], rows, _NUMBERS) if rows else []


def _inexact(left: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [
        f"- {code(one['batch'])} "
        + ("by its own sums, where it was made" if one["counted"] else "**left out**")
        + f": {code(one['why'])}"
        for one in left
    ]
    return ["### Not read job by job", "", *lines] if lines else []


def _others(accounts: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many batches of other accounts are in no line, where billing was asked."""
    lines = [
        f"- {count(one['batches'], 'batch', 'batches')} of {code(one['account'])}"
        for one in accounts
    ]
    return ["### Left out, of other accounts", "", *lines] if lines else []
