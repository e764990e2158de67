"""The rows of a report as the script of its page takes them: short, and safe.

It decides what of a row a browser gets and which links it may follow; how a row looks
stands in `page.js`. A script cannot be ended, nor a comment begun, by anything that a
row says.
"""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from jobs.report.page_words import DISTURBING, all_visible, step, web

#: Rows in one piece of data: enough that there are few, and each is parsed at once.
ROWS_A_PIECE = 1_000

#: States that a browser tells apart; all others go on by themselves.
FINISHED = frozenset({"stored", "reused", "failed", "cancelled", "unresolved"})

#: What each row is told as, in this order.
COLUMNS = (
    *("id", "line", "group", "state", "model", "duration_s", "options", "prompt"),
    *("image", "is_web", "video", "poster", "place", "bytes", "generated_s"),
    *("charged", "refunded", "estimated", "prediction", "reused_from"),
    *("error", "attempts", "candidates", "data"),
)

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def group_of(state: str) -> str:
    """What a row is counted and filtered as."""
    return state if state in FINISHED else "unfinished"


def pieces(
    batch: str, rows: Iterable[Mapping[str, Any]], models: Mapping[str, int]
) -> Iterator[str]:
    """JSON of so many rows each, fit to stand between two tags of a script.

    Args:
        batch: the batch they are of.
        rows: rows of the document.
        models: the place of each model in the list that the script has.
    """
    left = iter(rows)
    while some := list(islice(left, ROWS_A_PIECE)):
        told = ",\n".join(_safe(told_row(batch, row, models)) for row in some)
        yield f"[{told}]"


def in_script(value: object) -> str:
    """Any value as JSON that can neither end a script nor begin a comment."""
    return _JSON.encode(value).replace("<", "\\u003c")


def _safe(values: list[Any]) -> str:
    text = in_script(values)
    # JSON writes the first control characters as escapes, all others as they are.
    if "\\u00" in text or "\\r" in text or "\\b" in text or "\\f" in text:
        return in_script(all_visible(values))
    return in_script(all_visible(values)) if DISTURBING.search(text) else text


def told_row(
    batch: str, row: Mapping[str, Any], models: Mapping[str, int]
) -> list[Any]:
    """A row in the order of `COLUMNS`; None where there is nothing to tell."""
    group = group_of(row["state"])
    has_video = group in {"stored", "reused"}
    video = beside(batch, row["key"]) if has_video else None
    poster = row.get("poster")
    return [
        *(row["id"], row["line"], group, row["state"], models[row["model"]]),
        *(row["duration_s"], row.get("options") or None, row["prompt"]),
        *(row["image"], int(web(row["image"]) is not None), video),
        beside(batch, poster) if has_video and poster else None,
        None if video else row["video"],
        *(row["bytes"], row.get("generated_s")),
        *(row["charged_usd"], row["refunded_usd"], row["estimated_usd"]),
        *(row["prediction_id"], row.get("reused_from")),
        _error(row["error"]),
        [_attempt(attempt) for attempt in row["attempts"]] or None,
        candidates(batch, row) or None,
        row["data"] or None,
    ]


def candidates(batch: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What would settle an unresolved row: to adopt one of these, or to adopt none."""
    if row["state"] != "unresolved":
        return []
    which = shlex.join([batch, row["id"]])
    adopted = [
        {
            "prediction": each["prediction_id"],
            "told": _facts(each),
            "output": web(each.get("output")),
            "command": f"reelmill resolve {which} "
            f"--adopt {shlex.quote(each['prediction_id'])}",
        }
        for each in row.get("candidates") or []
    ]
    none = {"prediction": None, "told": "", "output": None}
    return [*adopted, none | {"command": f"reelmill resolve {which} --absent"}]


def _facts(candidate: Mapping[str, Any]) -> str:
    """What is known of a candidate, in a few words."""
    billed = candidate.get("billed_usd")
    made_at = str(candidate.get("created_at") or "")[:19].replace("T", " ")
    known = [candidate.get("status"), made_at and f"made {made_at} UTC"]
    return ", ".join([str(k) for k in known if k] + ([f"${billed}"] if billed else []))


def _error(error: Mapping[str, Any] | None) -> list[str] | None:
    """Code, the provider's words, the step in words, the command of that step."""
    if not error:
        return None
    return [error["code"], error["message"], *step(error["next_step"])]


def _attempt(attempt: Mapping[str, Any]) -> list[Any]:
    error = attempt["error"]
    return [
        *(attempt["number"], attempt["outcome"]),
        attempt["sent_at"][:19].replace("T", " "),
        *(attempt["prediction_id"], attempt["charged_usd"], attempt["refunded_usd"]),
        error and error["message"],
    ]


def beside(batch: str, key: str) -> str | None:
    """The link from `<batch>/report.html` to a key of the same store.

    >>> beside("spring", "spring/mug.mp4"), beside("spring", "all/mug.mp4")
    ('./mug.mp4', '../all/mug.mp4')
    """
    at = PurePosixPath(key)
    if at.is_absolute() or ".." in at.parts or not at.parts:
        return None
    if key.startswith(f"{batch}/"):
        return "./" + quote(key.removeprefix(f"{batch}/"), errors="replace")
    # Never without dots in front: what follows could be read as a scheme or a host.
    up = "../" * len(PurePosixPath(batch).parts) or "./"
    return up + quote(key, errors="replace")
