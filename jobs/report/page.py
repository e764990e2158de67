"""The report of a batch as one page for a browser.

It turns the document of `report` into HTML that asks nobody for anything but the
videos beside it. What the page says is decided here; its neighbours make the rows
(`page_rows`), the drawings (`charts`) and the words (`page_words`), and `page.css` says
how it looks.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import islice
from shlex import join
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup

from jobs.money import usd, usd_micros
from jobs.report import charts, page_rows
from jobs.report.numbered import Numbered
from jobs.report.page_words import (
    all_visible,
    dollars,
    lasting,
    moment,
    short_names,
    step,
    visible,
)
from jobs.report.rows import Rows
from jobs.text import counted

if TYPE_CHECKING:
    from jinja2 import Environment

#: Rows that one page has; a browser takes seconds for more, and the other files have
#: them all.
MOST_ROWS = 100_000

#: Rows that are shown where no script runs, and cards that one view has.
MOST_PLAIN = 60

#: Unresolved rows that are shown with their candidates before the cards.
MOST_UNRESOLVED = 20

#: Folders that are named where videos lie outside the page's own.
MOST_FOLDERS = 3

#: Characters of a reason that its filter shows.
MOST_SAID = 60

#: States that a person should look at; their rows come first when not all are shown.
TROUBLE = frozenset({"failed", "unresolved", "overdue"})

#: What rows are counted as, in the order of the page.
GROUPS = ("stored", "reused", "failed", "unresolved", "unfinished", "cancelled")

#: Parts of the script, in the order they need each other.
SCRIPTS = ("page_rows.js", "page_cards.js", "page_view.js", "page_sheet.js")

#: What a document may leave out, and what that means.
_UNTOLD: dict[str, Any] = {
    "labels": {},
    "failures": [],
    "times": [],
    "timeline": None,
    "limits": None,
    "attempts": None,
    "invoice": None,
}

_Document = Mapping[str, Any]


def html_chunks(document: _Document, *, most_rows: int = MOST_ROWS) -> Iterator[str]:
    """The page in pieces, so that its text need not be held whole.

    Of more than `most_rows` rows it has those in `TROUBLE` first.
    """
    told = _told(document) | _of_rows(document, most_rows)
    return _environment().get_template("page.html.j2").generate(told)


def as_html(document: _Document) -> str:
    """One self-contained page: open it from the folder of the batch's videos."""
    return "".join(html_chunks(document))


@cache
def _environment() -> "Environment":
    from jinja2 import (  # noqa: PLC0415 - it takes 40 ms, and few commands make a page
        Environment,
        PackageLoader,
        StrictUndefined,
    )

    loader = PackageLoader("jobs.report", "")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (counted, dollars, lasting, moment, step)
    environment.globals.update({word.__name__: word for word in words})
    pieces = _inline(lambda name: loader.get_source(environment, name)[0])
    environment.globals.update(pieces, spread=charts.spread, query=_query)
    return environment


def _inline(text: Callable[[str], str]) -> dict[str, str]:
    """Style and script as they stand in the page, and what a browser knows them by."""
    script = '"use strict";\n{\n' + "\n".join(map(text, SCRIPTS)) + "}\n"
    style = text("page.css")
    return {
        "script": Markup(script),  # noqa: S704 - our own
        "script_hash": _hash(script),
        "style": Markup(style),  # noqa: S704 - our own
        "style_hash": _hash(style),
    }


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _query(**parts: str) -> str:
    """Parts of an address behind its `#`."""
    return urlencode(parts, errors="replace")


def _told(document: _Document) -> dict[str, Any]:
    """All that the template says, in words and drawings."""
    head = {name: value for name, value in document.items() if name != "rows"}
    report, outside = all_visible(_UNTOLD | head), _outside(document)
    return {
        "report": report,
        "attempts": report["attempts"],
        "lead": lead(document["jobs"], "there" if outside else "here"),
        "outside": visible(outside),
        "groups": [group for group in GROUPS if document["jobs"][group]],
        "shares": charts.shares([(g, document["jobs"][g]) for g in GROUPS]),
        **_of_money(report),
        **_of_time(report),
    }


def lead(jobs: Mapping[str, int], where: str = "here") -> str:
    """What came of a batch, in a sentence or two."""
    ready, total = jobs["stored"] + jobs["reused"], jobs["total"]
    if not total:
        return "There are no jobs in it."
    of = f"{ready:,} of {counted(total, 'video')}"
    one = "is" if ready == 1 else "are"
    parts = [
        f"All {total:,} videos are {where}"
        if 1 < ready == total
        else f"{of} {one} {where}"
    ]
    others = {
        "unfinished": "on the way",
        "failed": "failed",
        "unresolved": "for you to settle",
        "cancelled": "cancelled",
    }
    rest = [f"{jobs[name]:,} {words}" for name, words in others.items() if jobs[name]]
    return ". ".join(parts + ([", ".join(rest)] if rest else [])) + "."


def _outside(document: _Document) -> str:
    """How many videos lie in other folders of the store than this page, and where."""
    found = page_rows.folders(document["batch"], document["rows"])
    if not found:
        return ""
    said = [
        f"{folder or 'the store itself'} ({counted(number, 'video')})"
        for folder, number in found.most_common(MOST_FOLDERS)
    ]
    left = len(found) - len(said)
    said += [counted(left, "more folder")] if left else []
    lie = "lies" if found.total() == 1 else "lie"
    return (
        f"{found.total():,} of them {lie} outside this folder, beside it in the store: "
        f"{', '.join(said)}. Copy them with this page, or the whole store."
    )


def _of_money(report: _Document) -> dict[str, Any]:
    cost, invoice = report["cost"], report["invoice"]
    share = _budget_share(cost)
    for failure in report["failures"]:
        failure["lost_usd"] = _lost_usd(failure)
    failures = sorted(report["failures"], key=lambda f: -usd_micros(f["lost_usd"]))
    strangers = (invoice or {}).get("unexplained", ())
    return {
        "has_waste": cost["wasted_usd"] != "0.00",
        "wasteful": [f for f in failures if f["lost_usd"] != "0.00"][:3],
        "paid_note": f"{dollars(cost['refunded_usd'])} was refunded"
        if cost["refunded_usd"] != "0.00"
        else "",
        "estimate_note": _beside_the_estimate(report),
        "budget_share": share,
        "budget_note": "" if share is None else f"{share:.0%} of the budget is used",
        "billed_command": visible(
            join(["reelmill", "report", report["batch"], "--billed"])
        ),
        "invoice_agrees": bool(invoice) and not invoice["differences"],
        "invoice_at": _earlier(report),
        "strangers_usd": usd(sum(usd_micros(each["billed_usd"]) for each in strangers)),
    }


def _earlier(report: _Document) -> str:
    """When the provider was asked for the invoice; empty if it was for this report."""
    made_at: str = report["made_at"]
    asked_at: str = (report["invoice"] or {}).get("asked_at", made_at)
    return moment(asked_at) if asked_at != made_at else ""


def _budget_share(cost: Mapping[str, Any]) -> float | None:
    """How much of the budget is used: refunds free none of it, see docs/money.md."""
    budget = usd_micros(cost["budget_usd"] or "0")
    return min(1.0, usd_micros(cost["charged_usd"]) / budget) if budget else None


def _beside_the_estimate(report: _Document) -> str:
    if report["state"] != "finished":
        return "The estimate is for all jobs, and not all of them are over."
    cost = report["cost"]
    difference = usd_micros(cost["net_usd"]) - usd_micros(cost["estimated_usd"])
    if not difference:
        return "What was paid is what was estimated."
    way = "more" if difference > 0 else "less"
    return f"It came to {dollars(usd(abs(difference)))} {way} than estimated."


def _lost_usd(failure: Mapping[str, Any]) -> str:
    """What failed jobs cost that is not given back."""
    charged, refunded = failure["charged_usd"], failure.get("refunded_usd", "0")
    return usd(usd_micros(charged) - usd_micros(refunded))


def _of_time(report: _Document) -> dict[str, Any]:
    timeline, attempts = report["timeline"], report["attempts"]
    return {
        "courses": charts.courses(timeline, report["limits"]) if timeline else [],
        "timetable": charts.table(timeline) if timeline else [],
        "until_s": charts.reach_s(report["times"]),
        "attempts_note": _tries(attempts) if attempts else "",
    }


def _tries(attempts: Mapping[str, int]) -> str:
    several, throttled = attempts["jobs_with_several"], attempts["throttled"]
    said = [f"{counted(attempts['total'], 'attempt')} in all"]
    said.append(f"{counted(several, 'job')} needed more than one" if several else "")
    said.append(
        f"the provider asked to slow down {counted(throttled, 'time')} (429)"
        if throttled
        else "the provider never asked to slow down (429)"
    )
    return "; ".join(filter(None, said)) + "."


def _of_rows(document: _Document, most_rows: int) -> dict[str, Any]:
    rows = _shown(document["rows"], most_rows)
    models = sorted({row["model"] for row in rows})
    kinds = {kind["model"] for kind in document["by_model"]}
    names = short_names({*models, *kinds})
    places = {model: place for place, model in enumerate(models)}
    failures = document.get("failures") or []
    context = page_rows.Context(document["batch"], places, Numbered(failures))
    first = [_plain(context, row) for row in islice(rows, MOST_PLAIN)]
    open_rows = (row for row in rows if row["state"] == "unresolved")
    asked = min(MOST_UNRESOLVED, document["jobs"]["unresolved"])
    unresolved = [_plain(context, row) for row in islice(open_rows, asked)]
    told = {"columns": page_rows.COLUMNS, "models": all_visible(models)}
    told |= {"reasons": _reasons(failures, context.reasons.keys)}
    shape = told | {"names": [names[m] for m in models], "per_page": MOST_PLAIN}
    needs = document["warnings"] or failures or unresolved
    return {
        "reason_keys": context.reasons.keys,
        "models": all_visible(models),
        "names": {visible(model): name for model, name in names.items()},
        "plain": first,
        "unresolved": unresolved,
        "needs_you": bool(needs),
        "left_out": len(document["rows"]) - len(rows),
        "shape": Markup(page_rows.in_script(shape)),  # noqa: S704 - made for a script
        "pieces": map(Markup, page_rows.pieces(context, rows)),
    }


def _shown(rows: Rows, most: int) -> Rows:
    """The rows for the page, in their order; those in trouble before all others."""
    if len(rows) <= most:
        return rows
    troubled = Rows(islice((row for row in rows if row["state"] in TROUBLE), most))
    others = (row for row in rows if row["state"] not in TROUBLE)
    for row in islice(others, most - len(troubled)):
        troubled.append(row)
    return troubled


def _reasons(
    failures: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> list[list[str]]:
    """Key, code and words of each reason, for the script."""
    words = ((each["code"], each["message"][:MOST_SAID]) for each in failures)
    return [[key, *all_visible(each)] for key, each in zip(keys, words, strict=True)]


def _plain(context: page_rows.Context, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row for the template, as the script has it."""
    told = all_visible(page_rows.told_row(context, row))
    return dict(zip(page_rows.COLUMNS, told, strict=True))
