"""Notifications that a batch came to rest: when, in which words, and in which form.

For a program, for Slack and for a mail. The ledger's outbox keeps them until
`worker.notify` has delivered them.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from jobs.money import usd, usd_or_none
from jobs.records import BatchRecord
from jobs.report.next_steps import hold_sentences
from jobs.states import State
from jobs.text import counted

#: Hosts that take Slack's form and nothing else (docs.slack.dev, incoming webhooks).
SLACK_HOSTS = frozenset({"hooks.slack.com", "hooks.slack-gov.com"})

#: States of a job that has its video.
HAVING = (State.STORED, State.REUSED)

#: States that a subject names beside them.
OTHERS = (
    *(State.FAILED, State.CANCELLED, State.UNRESOLVED),
    *(State.OVERDUE, State.WAITING),
)

DAY_S = 86_400.0

#: The second try comes after about as long.
FIRST_WAIT_S = 5.0

#: What could not be delivered for so long is given up.
GIVEN_UP_S = 30 * DAY_S


class Kind(StrEnum):
    """Why somebody is notified."""

    FINISHED = "finished"  #: a batch is over: stored, failed or cancelled
    UNRESOLVED = "unresolved"  #: nothing goes on before a person settles jobs
    OVERDUE = "overdue"  #: all that is left goes on far too long at the provider
    STOPPED = "stopped"  #: a budget keeps the rest of a batch from starting
    SCHEDULE = "schedule"  #: something about what is started by the clock


@dataclass(frozen=True, slots=True)
class Notification:
    """One thing that people are notified of."""

    #: The same on every try, so that a receiver can drop what comes twice.
    id: str
    account: str
    kind: Kind
    #: The heart of it, on one line.
    subject: str
    #: All of it, a few lines.
    text: str
    #: It for a program.
    document: Mapping[str, Any]

    @classmethod
    def of(
        cls,
        account: str,
        kind: Kind,
        subject: str,
        details: str = "",
        document: Mapping[str, Any] | None = None,
    ) -> "Notification":
        """A notification whose id comes from what it says.

        The same words of the same account are sent once; what is news each time needs
        something in its document that differs, such as a time.
        """
        subject = _line(subject)
        text = f"{subject}\n{details}" if details else subject
        said = dict(document or {})
        whole = json.dumps([account, kind, text, said], sort_keys=True)
        digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
        return cls(digest, account, kind, subject, text, said)

    def to_json(self) -> str:
        """It as one line, for the ledger."""
        return _NOTIFICATIONS.dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Notification":
        """What `to_json` wrote."""
        return _NOTIFICATIONS.validate_json(text)


_NOTIFICATIONS = TypeAdapter(Notification)


def batch_notification(batch: BatchRecord, report_url: str = "") -> Notification | None:
    """What people hear of a batch; None while it still goes on by itself.

    The same outcome makes the same notification, until a person brings a job back. With
    `report_url` as in `report_link`.
    """
    kind = _kind(batch)
    if kind is None:
        return None
    link = report_link(batch, report_url)
    details = "\n".join([*_details(batch, kind), f"Report: {link}"])
    document = _document(batch) | {"report": link, "round": batch.rounds}
    notification = Notification.of(
        batch.account, kind, _subject(batch, kind), details, document
    )
    # Not part of what makes it news: a label that is added later notifies nobody again.
    return replace(notification, document={**document, "labels": dict(batch.labels)})


def report_link(batch: BatchRecord, report_url: str = "") -> str:
    """Where a person opens the report: by a template that has `{batch}` in it.

    Without one it is its place in the store.
    """
    if report_url:
        return report_url.replace("{batch}", batch.id)
    return f"{batch.store}/{batch.id}/report.html"


def web_request(
    notification: Notification, url: str, secret: str, now_s: float
) -> tuple[dict[str, str], bytes]:
    """Headers and body of the request that sends it to a web address.

    Slack gets its own form. Everybody else gets the document with the text in it and,
    where there is a secret, a signature over the time in unix seconds and the body.
    """
    headers = {"content-type": "application/json"}
    if urlsplit(url).hostname in SLACK_HOSTS:
        # Slack escapes just these; with quotes it would show the escape.
        text = escape(notification.text, quote=False)
        return headers, json.dumps({"text": text}).encode()
    head = {
        "id": notification.id,
        "kind": notification.kind,
        "account": notification.account,
    }
    document = {**head, "text": notification.text, **notification.document}
    body = json.dumps(document, ensure_ascii=False).encode()
    headers["reelmill-id"] = notification.id
    if secret:
        headers["reelmill-signature"] = signature(secret, int(now_s), body)
    return headers, body


def signature(secret: str, at_s: int, body: bytes) -> str:
    """What proves that a body is ours and how old it is: HMAC-SHA256 of `time.body`."""
    signed = f"{at_s}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def retry_in_s(tries: int, jitter: float) -> float:
    """Seconds to the next try after `tries` that failed (from 1), a day at most."""
    return min(DAY_S, FIRST_WAIT_S * 4.0 ** min(tries - 1, 10) * (0.75 + 0.5 * jitter))


def _kind(batch: BatchRecord) -> Kind | None:
    states = (State.WAITING, State.UNRESOLVED, State.OVERDUE)
    waiting, unresolved, overdue = map(batch.count, states)
    left = batch.total - batch.over - unresolved - overdue
    if not batch.complete or not batch.total:
        return None
    if left:
        return Kind.STOPPED if left == waiting and batch.stopped_by else None
    if unresolved:
        return Kind.UNRESOLVED
    return Kind.OVERDUE if overdue else Kind.FINISHED


def _subject(batch: BatchRecord, kind: Kind) -> str:
    having = batch.count(*HAVING)
    videos = counted(batch.total, "video")
    if kind is Kind.FINISHED and having == batch.total:
        return f"{batch.id}: {videos} stored, none is missing"
    rest = [f"{batch.counts[s]} {s}" for s in OTHERS if batch.count(s)]
    return f"{batch.id}: {', '.join([f'{having} of {videos} stored', *rest])}"


def _details(batch: BatchRecord, kind: Kind) -> Iterator[str]:
    charged, refunded = batch.charged_usd_micros, batch.refunded_usd_micros
    cost = f"Cost: ${usd(charged - refunded)}"
    if refunded:
        cost += f" (${usd(charged)} charged, ${usd(refunded)} refunded)"
    if batch.budget_usd_micros is not None:
        cost += f" of a budget of ${usd(batch.budget_usd_micros)}"
    yield f"{cost}. Manifest: {_line(batch.manifest)}"
    if kind is Kind.STOPPED:
        yield from (f"{words}." for words in hold_sentences(batch))
    for state, words in _WORDS.items():
        if batch.count(state):
            reserved = usd(batch.reserved_usd_micros)
            yield words.format(batch=batch.id, reserved=reserved)


_WORDS = {
    State.UNRESOLVED: "A person must settle what is unresolved (${reserved} at stake): "
    "reelmill show {batch}",
    State.OVERDUE: "What is overdue is paid, and collected if the provider ends it: "
    "reelmill show {batch} --state overdue",
    State.FAILED: "What failed, and why: reelmill report {batch}",
}


def _document(batch: BatchRecord) -> dict[str, Any]:
    """The batch for a program; amounts are decimal strings, as in its report."""
    ends = [*HAVING, State.FAILED, State.CANCELLED, State.UNRESOLVED]
    jobs = {state.value: batch.count(state) for state in ends}
    unfinished = batch.total - sum(jobs.values())
    net_usd_micros = batch.charged_usd_micros - batch.refunded_usd_micros
    return {
        "batch": batch.id,
        "manifest": batch.manifest,
        "stopped_by": batch.stopped_by or None,
        "jobs": {"total": batch.total, **jobs, "unfinished": unfinished},
        "cost": {
            "estimated_usd": usd(batch.estimated_usd_micros),
            "charged_usd": usd(batch.charged_usd_micros),
            "refunded_usd": usd(batch.refunded_usd_micros),
            "net_usd": usd(net_usd_micros),
            "budget_usd": usd_or_none(batch.budget_usd_micros),
        },
    }


def _line(text: str) -> str:
    """Foreign text on one line, for a subject."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
