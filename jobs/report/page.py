"""The report of a batch as one page for a browser, which asks nobody for anything.

It puts the document into `page.html.j2`: the sentences of the page are written here,
and its rows go along as JSON for the page's own script, which shows, filters, plays and
draws them. Without a script the steps and all figures are there.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from itertools import islice
from shlex import join
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from markupsafe import Markup

from jobs.money import usd, usd_micros
from jobs.report.document import Rows
from jobs.report.figures import STRAGGLING
from jobs.report.words import (
    all_visible,
    dollars,
    lasting,
    moment,
    short_names,
    step,
)
from jobs.text import counted, visible_block

if TYPE_CHECKING:
    from jinja2 import Environment

#: Rows that one page has; a browser takes seconds for more, and the other files have
#: them all.
MAX_ROWS = 100_000

#: Rows in one piece of data, and what they are told apart as, in the order of the page.
ROWS_A_PIECE = 1_000
GROUPS = ("stored", "reused", "failed", "unresolved", "unfinished", "cancelled")

#: Cards that one view has.
MAX_CARDS = 60

#: Unresolved rows that are shown before the cards.
MAX_UNRESOLVED = 20

#: Characters of a reason that its filter shows.
MAX_REASON_CHARS = 60

#: States that a person should look at; their rows come first when not all are shown.
TROUBLE = frozenset({"failed", "unresolved", "overdue"})

#: States of which there is a video.
STORED = frozenset({"stored", "reused"})

#: Parts of the script, in the order they need each other.
SCRIPTS = (
    "page_rows.js",
    "page_cards.js",
    "page_view.js",
    "page_charts.js",
    "page_sheet.js",
)

#: What would hide, reorder or break what stands around it in the source of a page.
_UNSAFE = re.compile(
    "[\x7f-\x9f\u00ad\u180e\u200b\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffc\ufffe\uffff\U000e0000-\U000e007f]"
)

_Document = Mapping[str, Any]


def html_chunks(document: _Document, *, max_rows: int = MAX_ROWS) -> Iterator[str]:
    """The page in pieces, so that its text need not be held whole.

    Of more than `max_rows` rows it has those in `TROUBLE` first.
    """
    head = {name: value for name, value in document.items() if name != "rows"}
    report = all_visible(head | {"invoice": document.get("invoice")})
    outside = _outside(document)
    values = {
        "report": report,
        "lead": lead(document["jobs"], "there" if outside else "here"),
        "outside": outside,
        "groups": [group for group in GROUPS if document["jobs"][group]],
        "attempts_note": _attempts_note(report["attempts"]),
        **_of_money(report),
        **_of_rows(document, max_rows),
    }
    return _environment().get_template("page.html.j2").generate(values)


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
    environment.globals["query"] = lambda **parts: urlencode(parts, errors="replace")
    sources = {name: loader.get_source(environment, name)[0] for name in SCRIPTS}
    script = '"use strict";\n{\n' + "\n".join(sources.values()) + "}\n"
    style = loader.get_source(environment, "page.css")[0]
    for name, text in (("script", script), ("style", style)):
        digest = b64encode(sha256(text.encode()).digest()).decode()
        environment.globals[name] = Markup(text)  # noqa: S704 - our own
        environment.globals[f"{name}_hash"] = f"sha256-{digest}"
    return environment


def lead(jobs: Mapping[str, int], where: str = "here") -> str:
    """What came of a batch, in a sentence or two."""
    ready, total = jobs["stored"] + jobs["reused"], jobs["total"]
    if not total:
        return "There are no jobs in it."
    if 1 < ready == total:
        first = f"All {total:,} videos are {where}"
    else:
        are = "is" if ready == 1 else "are"
        first = f"{ready:,} of {counted(total, 'video')} {are} {where}"
    others = {
        "unfinished": "on the way",
        "failed": "failed",
        "unresolved": "for you to settle",
        "cancelled": "cancelled",
    }
    rest = [f"{jobs[name]:,} {words}" for name, words in others.items() if jobs[name]]
    return ". ".join([first, *([", ".join(rest)] if rest else [])]) + "."


def _outside(document: _Document) -> str:
    """How many videos lie in other folders of the store than this page."""
    batch = document["batch"]
    keys = (row["key"] for row in document["rows"] if row["state"] in STORED)
    count = sum(bool(key) and not key.startswith(f"{batch}/") for key in keys)
    if not count:
        return ""
    lie = "lies" if count == 1 else "lie"
    return (
        f"{count:,} of them {lie} outside this folder, beside it in the store. Copy "
        "the whole store with this page."
    )


def _of_money(report: _Document) -> dict[str, Any]:
    cost, invoice = report["cost"], report["invoice"] or {}
    for failure in report["failures"]:
        lost = usd_micros(failure["charged_usd"]) - usd_micros(failure["refunded_usd"])
        failure["lost_usd"] = usd(lost)
    failures = sorted(report["failures"], key=lambda f: -usd_micros(f["lost_usd"]))
    budget = usd_micros(cost["budget_usd"] or "0")
    # Refunds free none of it, see docs/money.md.
    share = min(1.0, usd_micros(cost["charged_usd"]) / budget) if budget else None
    asked_at = invoice.get("asked_at") or report["made_at"]
    strangers = invoice.get("unexplained", ())
    return {
        "wasteful": [f for f in failures if f["lost_usd"] != "0.00"][:3],
        "estimate_note": _beside_the_estimate(report),
        "budget_share": share,
        "budget_note": "" if share is None else f"{share:.0%} of the budget is used",
        "billed_command": visible_block(
            join(["reelmill", "report", report["batch"], "--billed"])
        ),
        # When the provider was asked, unless it was for this report.
        "invoice_at": moment(asked_at) if asked_at != report["made_at"] else "",
        "strangers_usd": usd(sum(usd_micros(each["billed_usd"]) for each in strangers)),
    }


def _beside_the_estimate(report: _Document) -> str:
    if report["state"] != "finished":
        return "The estimate is for all jobs, and not all of them are over."
    cost = report["cost"]
    difference = usd_micros(cost["net_usd"]) - usd_micros(cost["estimated_usd"])
    if not difference:
        return "What was paid is what was estimated."
    way = "more" if difference > 0 else "less"
    return f"It came to {dollars(usd(abs(difference)))} {way} than estimated."


def _attempts_note(attempts: Mapping[str, int]) -> str:
    several, throttled = attempts["jobs_with_several"], attempts["throttled"]
    words = [f"{counted(attempts['total'], 'attempt')} in all"]
    words += [f"{counted(several, 'job')} needed more than one"] if several else []
    words.append(
        f"the provider asked to slow down {counted(throttled, 'time')} (429)"
        if throttled
        else "the provider never asked to slow down (429)"
    )
    return "; ".join(words) + "."


def _until_s(times: Iterable[Mapping[str, Any]]) -> float:
    """The end of an axis that all kinds share; stragglers far behind are not on it."""
    ends = (min(kind["longest_s"], STRAGGLING * kind["p90_s"]) for kind in times)
    return max(ends, default=0) or 1.0


def _of_rows(document: _Document, max_rows: int) -> dict[str, Any]:
    batch, rows, failures = document["batch"], document["rows"], document["failures"]
    shown = _shown(rows, max_rows)
    models = sorted({row["model"] for row in shown})
    names = short_names({*models, *(kind["model"] for kind in document["by_model"])})
    shape = {
        "batch": batch,
        "names": names,
        "reasons": [
            [each["key"], each["code"], each["message"][:MAX_REASON_CHARS]]
            for each in failures
        ],
        "per_page": MAX_CARDS,
        "jobs": document["jobs"],
        "groups": GROUPS,
        "timeline": document["timeline"],
        "limits": document["limits"],
        "times": document["times"],
        "until_s": _until_s(document["times"]),
    }
    unresolved = (row for row in shown if row["state"] == "unresolved")
    asked = min(MAX_UNRESOLVED, document["jobs"]["unresolved"])
    return {
        "models": all_visible(models),
        "names": {visible_block(model): name for model, name in names.items()},
        "unresolved": all_visible(list(islice(unresolved, asked))),
        "until_s": shape["until_s"],
        "left_out": len(rows) - len(shown),
        "shape": _in_script(json.dumps(shape, ensure_ascii=False)),
        "pieces": _pieces(shown),
    }


def _shown(rows: Rows, most: int) -> Rows:
    """The rows for the page, in their order; those in trouble before all others."""
    if len(rows) <= most:
        return rows
    first = [row for row in rows if row["state"] in TROUBLE][:most]
    others = (row for row in rows if row["state"] not in TROUBLE)
    return Rows([*first, *islice(others, most - len(first))])


def _pieces(rows: Rows) -> Iterator[Markup]:
    """The rows as JSON, so many at a time that each is parsed at once."""
    lines = rows.lines()
    while some := list(islice(lines, ROWS_A_PIECE)):
        yield _in_script("[" + ",\n".join(some) + "]")


def _in_script(text: str) -> Markup:
    """JSON that says the same and can neither end a script nor hide anything."""
    safe = _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)
    return Markup(safe.replace("<", "\\u003c"))  # noqa: S704 - made for a script
