"""A comparison of two batches as Markdown: figures side by side, then rows by rows.

What counts as a change is decided in `comparison`; that nothing in it acts, in `inert`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jobs.report.inert import code, table
from jobs.report.markdown import counted, joined, listed
from jobs.report.page_words import count, lasting, short_names

#: Rows of each kind that are named; JSON has all.
MOST_ROWS = 20

#: What a kind of rows is called, in the order in which a person should see them.
KINDS = {
    "newly_failed": "Failed now, and not before",
    "still_failed": "Failed again",
    "now_stored": "Has its video now",
    "changed": "Asks for something else",
    "new": "New rows",
    "gone": "Gone rows",
}

#: Kinds of which a list of ids says enough.
_IDS_ONLY = frozenset({"new", "gone", "now_stored"})


def comparison_markdown(document: Mapping[str, Any]) -> str:
    """What changed between two batches."""
    before, after = document["before"], document["after"]
    parts = [
        [f"## {code(after['batch'])} beside {code(before['batch'])}"],
        _figures(before, after, document["net_difference_usd"]),
        *(_rows(title, document[kind], kind) for kind, title in KINDS.items()),
        _times(document["times"]),
    ]
    return joined(parts)


def _figures(
    before: Mapping[str, Any], after: Mapping[str, Any], difference_usd: str
) -> list[str]:
    tells: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "rows": lambda night: f"{night['jobs']['total']:,}",
        "outcome": lambda night: counted(night["jobs"]),
        "charged": lambda night: f"${night['charged_usd']}",
        "refunded": lambda night: f"${night['refunded_usd']}",
        "net": lambda night: f"${night['net_usd']}",
        "wasted": lambda night: f"${night['wasted_usd']}",
        "took": lambda night: lasting(night["took_s"]) if night["took_s"] else "",
    }
    rows = [[name, tell(before), tell(after)] for name, tell in tells.items()]
    return [
        *table(["", "before", "after"], rows, ["before", "after"]),
        "",
        f"Difference: **{signed(difference_usd)}**",
    ]


def signed(amount_usd: str) -> str:
    """A difference of money with its sign.

    >>> signed("0.21"), signed("-0.21"), signed("0.00")
    ('+$0.21', '-$0.21', '$0.00')
    """
    if amount_usd.startswith("-"):
        return f"-${amount_usd.removeprefix('-')}"
    return f"+${amount_usd}" if amount_usd.strip("0.") else f"${amount_usd}"


def _rows(title: str, rows: Sequence[Mapping[str, Any]], kind: str) -> list[str]:
    if not rows:
        return []
    head = [f"### {title}: {len(rows):,}", ""]
    if kind in _IDS_ONLY:
        ids = [row["id"] for row in rows]
        return [*head, listed(ids, len(ids), MOST_ROWS)]
    lines = [f"- {_row(row)}" for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        lines.append(f"- and {count(len(rows) - MOST_ROWS, 'more row')}")
    return head + lines


def _row(row: Mapping[str, Any]) -> str:
    said = f"{code(row['id'])}, line {row['line']}"
    if changes := row.get("changes"):
        told = (
            f"{code(one['what'])} from {code(one['before'])} to {code(one['after'])}"
            for one in changes
        )
        return f"{said}: {'; '.join(told)}"
    return f"{said}: {code(row['error'] or row['state'])}"


def _times(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    names = short_names(line["model"] for line in lines)
    rows = [
        [
            code(names[line["model"]]),
            f"{line['duration_s']} s" if line["duration_s"] else "",
            *(
                "" if line[which] is None else lasting(line[which])
                for which in ("before_p50_s", "after_p50_s")
            ),
        ]
        for line in lines
    ]
    columns = ["model", "length", "took before", "takes now"]
    return table(columns, rows, columns[2:]) if rows else []
