"""The rows of a report as the script of its page takes them: short, and safe.

It decides what of a row a browser gets and which links it may follow; how a row looks
stands in `page.js`. A script cannot be ended, nor a comment begun, by anything that a
row says.
"""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from jobs.report.numbered import Numbered
from jobs.report.page_words import (
    DISTURBING,
    all_visible,
    dollars,
    lasting,
    step,
    web,
)

#: Rows in one piece of data: enough that there are few, and each is parsed at once.
ROWS_A_PIECE = 1_000

#: States that a browser tells apart; all others go on by themselves.
FINISHED = frozenset({"stored", "reused", "failed", "cancelled", "unresolved"})

#: Of those, the ones of which there is a video.
HAVING = frozenset({"stored", "reused"})

#: What else there is to do about candidates than to adopt one.
LOOK = "What the provider has of each, by its address:"
NONE_IS = "None is its own: send and pay it again"

#: What each row is told as, in this order.
COLUMNS = (
    *("id", "line", "group", "state", "model", "duration_s", "options", "prompt"),
    *("image", "is_web", "video", "poster", "place", "bytes", "generated_s"),
    *("charged", "refunded", "estimated", "prediction", "reused_from"),
    *("error", "reason", "attempts", "candidates", "data"),
)

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def group_of(state: str) -> str:
    """What a row is counted and filtered as."""
    return state if state in FINISHED else "unfinished"


@dataclass(frozen=True, slots=True)
class Context:
    """What rows have in common, so that each need not say it."""

    batch: str
    #: The place of each model in the list that the script has.
    models: Mapping[str, int]
    #: Why rows of the batch failed.
    reasons: Numbered


def pieces(context: Context, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """JSON of so many rows each, fit to stand between two tags of a script."""
    left = iter(rows)
    while some := list(islice(left, ROWS_A_PIECE)):
        told = ",\n".join(_safe(told_row(context, row)) for row in some)
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


def told_row(context: Context, row: Mapping[str, Any]) -> list[Any]:
    """A row in the order of `COLUMNS`; None where there is nothing to tell."""
    batch, group = context.batch, group_of(row["state"])
    video, poster = video_of(batch, row), row.get("poster")
    return [
        *(row["id"], row["line"], group, row["state"], context.models[row["model"]]),
        *(row["duration_s"], row.get("options") or None, row["prompt"]),
        *(row["image"], int(web(row["image"]) is not None), video),
        beside(batch, poster) if group in HAVING and poster else None,
        None if video else row["video"],
        *(row["bytes"], row.get("generated_s")),
        *(row["charged_usd"], row["refunded_usd"], row["estimated_usd"]),
        *(row["prediction_id"], _leader(batch, row)),
        *(_error(row["error"]), context.reasons.number(row)),
        [_attempt(attempt) for attempt in row["attempts"]] or None,
        candidates(batch, row) or None,
        row["data"] or None,
    ]


def video_of(batch: str, row: Mapping[str, Any]) -> str | None:
    """The link to a row's video; None where there is none that a page can lead to."""
    return beside(batch, row["key"]) if row["state"] in HAVING else None


def folders(batch: str, rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """How many videos lie in which folders of the store other than the batch's own.

    The store itself is the folder without a name.
    """
    keys = (row["key"] for row in rows if video_of(batch, row))
    outside = (key for key in keys if not key.startswith(f"{batch}/"))
    return Counter(key.rpartition("/")[0] for key in outside)


def _leader(batch: str, row: Mapping[str, Any]) -> str | None:
    """Whose video serves: a row of this batch, or `batch/row` of another."""
    leader = row.get("reused_from")
    return leader.removeprefix(f"{batch}/") if leader else None


def candidates(batch: str, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What would settle an unresolved row: to adopt one of these, or to adopt none."""
    if row["state"] != "unresolved":
        return []
    which = shlex.join([batch, row["id"]])
    sent = [attempt["sent_at"] for attempt in row["attempts"][-1:]]
    adopted = [
        {
            "prediction": each["prediction_id"],
            "told": _facts(each, row["model"], sent),
            "prompt": each.get("prompt"),
            "image": web(each.get("image")),
            "command": f"reelmill resolve {which} "
            f"--adopt {shlex.quote(each['prediction_id'])}",
        }
        for each in row.get("candidates") or []
    ]
    look = {"prediction": None, "told": LOOK, "command": f"reelmill show {which}"}
    none = {"prediction": None, "told": NONE_IS}
    return [
        *adopted,
        *([look] if adopted else []),
        none | {"command": f"reelmill resolve {which} --absent"},
    ]


def _facts(candidate: Mapping[str, Any], model: str, sent: Sequence[str]) -> str:
    """What is known of a candidate, in a few words, beside when the row was sent."""
    own = candidate["model"] or "model unknown"
    made_at, billed = candidate["created_at"], candidate["billed_usd"]
    made = f"made {made_at[:19].replace('T', ' ')} UTC"
    known = [own if own != model else "", candidate["status"], made]
    known += [_apart(datetime.fromisoformat(made_at), each) for each in sent]
    return ", ".join(filter(None, [*known, f"{dollars(billed)} billed" * bool(billed)]))


def _apart(made: datetime, sent_at: str) -> str:
    apart_s = (made - datetime.fromisoformat(sent_at)).total_seconds()
    way = "after" if apart_s >= 0 else "before"
    return f"{lasting(abs(apart_s))} {way} the row was sent"


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
