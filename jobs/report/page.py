"""The report of a batch as one page for a browser.

It turns the document of `report` into HTML that needs neither network nor script;
whatever a manifest or the provider says stays text. What the page shows is decided
here, how it looks in `page.html.j2`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

#: Rows that one page shows; a browser stays quick, and the other files have them all.
MOST_ROWS = 2_000

#: States that a person should look at; their rows come first when not all are shown.
TROUBLE = frozenset({"failed", "unresolved"})

FINISHED = frozenset({"stored", "reused", "failed", "cancelled", "unresolved"})


def html_chunks(document: Mapping[str, Any]) -> Iterator[str]:
    """The page in pieces, so that its text need not be held whole."""
    rows = _shown(document["rows"])
    cards = [_card(document["batch"], row) for row in rows]
    left_out = len(document["rows"]) - len(rows)
    return _template().generate(report=document, cards=cards, left_out=left_out)


def as_html(document: Mapping[str, Any]) -> str:
    """One self-contained page: open it from the folder of the batch's videos."""
    return "".join(html_chunks(document))


@cache
def _template() -> Template:
    page = Environment(
        loader=PackageLoader("jobs.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters["size"] = _size
    return page.get_template("page.html.j2")


def _shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows for the page, in their order; those in trouble before all others."""
    if len(rows) <= MOST_ROWS:
        return rows
    return sorted(rows, key=lambda row: row["state"] not in TROUBLE)[:MOST_ROWS]


def _card(batch: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its links; each link is None unless a browser may follow it."""
    state = row["state"]
    stored = state in {"stored", "reused"}
    return {
        **row,
        "group": state if state in FINISHED else "unfinished",
        "video_link": _beside(batch, row["key"]) if stored else None,
        "image_link": _web(row["image"]),
    }


def _beside(batch: str, key: str) -> str | None:
    """The link from `<batch>/report.html` to a key of the same store.

    >>> _beside("spring", "spring/mug.mp4"), _beside("spring", "all/mug.mp4")
    ('./mug.mp4', '../all/mug.mp4')
    """
    at = PurePosixPath(key)
    if at.is_absolute() or ".." in at.parts or not at.parts:
        return None
    if key.startswith(f"{batch}/"):
        return "./" + quote(key.removeprefix(f"{batch}/"))
    # Never without dots in front: what follows could be read as a scheme or a host.
    return ("../" * len(PurePosixPath(batch).parts) or "./") + quote(key)


def _web(url: str) -> str | None:
    """A web address as it is; None for all else, such as `javascript:` or a path."""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an address whose brackets do not match
        return None
    return url if parts.scheme in {"http", "https"} and parts.netloc else None


def _size(size_bytes: int) -> str:
    """Bytes as a person reads them.

    >>> _size(999), _size(2_430_000)
    ('999 bytes', '2.4 MB')
    """
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes} bytes"
