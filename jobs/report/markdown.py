"""A report as Markdown, for a ticket or a chat.

It says what a person asks first: how many, what it cost, what failed and why, what to
do; rows that are well are not in it. Nothing that a manifest or the provider wrote acts
in it: see `inert`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jobs.labels import told
from jobs.report.inert import code, sentence, table
from jobs.report.page_words import moment, short_names
from jobs.text import counted

#: Reasons, rows and ids that are named, each; the report has all.
MOST_REASONS = 20
MOST_ROWS = 20
MOST_IDS = 5

#: Counts of jobs that are worth a word where there are any.
ENDS = ("stored", "reused", "failed", "cancelled", "unresolved", "unfinished")


def as_markdown(document: Mapping[str, Any]) -> str:
    """The report of a batch."""
    parts = [
        _head(document),
        [f"- {sentence(warning)}" for warning in document["warnings"]],
        _cost(document),
        _failures(document["failures"]),
        _unresolved(document["rows"]),
        _billing(document.get("invoice")),
    ]
    return _joined(parts)


def _joined(parts: Iterable[Sequence[str]]) -> str:
    """Paragraphs, lists and tables with a blank line between them."""
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def outcomes(figures: Mapping[str, Any]) -> str:
    """What became of jobs, in words.

    >>> outcomes({"stored": 3, "failed": 1, "reused": 0})
    '3 stored, 1 failed'
    """
    return ", ".join(f"{figures[name]:,} {name}" for name in ENDS if figures.get(name))


def _money(cost: Mapping[str, Any]) -> str:
    """What was charged, refunded and wasted."""
    said = (
        f"charged ${cost['charged_usd']}, refunded ${cost['refunded_usd']}, "
        f"net **${cost['net_usd']}**"
    )
    wasted = cost["wasted_usd"]
    return said if float(wasted) == 0 else f"{said}, wasted ${wasted}"


def _listed(ids: Sequence[str], total: int) -> str:
    """A few ids, and how many more there are."""
    few = ", ".join(map(code, ids[:MOST_IDS]))
    more = total - len(ids[:MOST_IDS])
    return f"{few} and {more:,} more" if more else few


def _head(document: Mapping[str, Any]) -> list[str]:
    jobs, cost = document["jobs"], document["cost"]
    having = jobs["stored"] + jobs["reused"]
    budget = cost["budget_usd"]
    labels = document.get("labels")
    facts = [
        f"manifest {code(document['manifest'])}",
        f"begun {moment(document['created_at'])}",
        *([f"labels {code(told(labels))}"] if labels else []),
    ]
    of = counted(jobs["total"], "video")
    return [
        f"## {code(document['batch'])}: {having:,} of {of}",
        "",
        f"**{document['state']}**: {outcomes(jobs) or 'no rows'}",
        "",
        f"estimated ${cost['estimated_usd']}, {_money(cost)}"
        + ("" if budget is None else f", budget ${budget}"),
        "",
        ", ".join(facts),
    ]


def _cost(document: Mapping[str, Any]) -> list[str]:
    lines = document["by_model"]
    if not lines:
        return []
    is_billed = any(line.get("billed_usd") is not None for line in lines)
    numbers = ["videos", "stored", "failed", "charged", "refunded", "net"]
    numbers += ["billed"] if is_billed else []
    names = short_names(line["model"] for line in lines)
    rows = []
    for line in lines:
        length = f"{line['duration_s']} s" if line["duration_s"] else ""
        options = code(line["options"]) if line.get("options") else ""
        figures = [f"{line[name]:,}" for name in ("jobs", "stored", "failed")]
        amounts = [f"${line[name]}" for name in ("charged_usd", "refunded_usd")]
        amounts.append(f"${line['net_usd']}")
        if is_billed:
            amounts.append(f"${line['billed_usd']}")
        rows.append([code(names[line["model"]]), length, options, *figures, *amounts])
    return table(["model", "length", "options", *numbers], rows, numbers)


def _failures(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    if not reasons:
        return []
    lines = [f"### Failed: {sum(reason['jobs'] for reason in reasons):,}", ""]
    for reason in reasons[:MOST_REASONS]:
        lines.append(
            f"- **{reason['jobs']:,}** {code(reason['code'])}: "
            f"{code(reason['message'])}, charged ${reason['charged_usd']}"
        )
        lines.append(f"  - rows {_listed(reason['ids'], reason['jobs'])}")
        if reason["next_step"]:
            lines.append(f"  - {sentence(reason['next_step'])}")
    return [*lines, *_more(len(reasons) - MOST_REASONS, "reason")]


def _unresolved(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    open_rows = [row for row in rows if row["state"] == "unresolved"]
    if not open_rows:
        return []
    lines = [f"### Unresolved: {len(open_rows):,}", ""]
    for row in open_rows[:MOST_ROWS]:
        error = row["error"] or {}
        may_be = counted(len(row.get("candidates") or ()), "candidate")
        lines.append(f"- {code(row['id'])}, line {row['line']}: {may_be}")
        if error.get("next_step"):
            lines.append(f"  - {sentence(error['next_step'])}")
    return [*lines, *_more(len(open_rows) - MOST_ROWS, "row")]


def _billing(invoice: Mapping[str, Any] | None) -> list[str]:
    """What the provider's billing says beside our books, where it was asked."""
    if not invoice:
        return []
    return ["### The provider's billing", "", *_billed(invoice)]


def _billed(invoice: Mapping[str, Any]) -> Iterator[str]:
    differences, unexplained = invoice["differences"], invoice["unexplained"]
    yield (
        f"billed ${invoice['billed_usd']}, refunded ${invoice['billed_refunded_usd']}, "
        f"net **${invoice['billed_net_usd']}**"
    )
    yield ""
    if not differences and not unexplained:
        yield "It equals this report."
    for one in differences[:MOST_ROWS]:
        yield (
            f"- {code(one['id'])}, attempt {one['attempt']}: {code(one['what'])}, "
            f"booked ${one['booked_usd']}, billed ${one['billed_usd']}"
        )
    yield from _more(len(differences) - MOST_ROWS, "difference")
    for one in unexplained[:MOST_ROWS]:
        yield (
            f"- unexplained: ${one['billed_usd']} for {code(one['prediction_id'])} "
            f"at {code(one['at'])}"
        )
    yield from _more(len(unexplained) - MOST_ROWS, "charge")


def _more(left_out: int, word: str) -> list[str]:
    if left_out <= 0:
        return []
    return [f"- and {counted(left_out, f'more {word}')}; the report has all"]
