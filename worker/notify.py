"""Notifying people: what waits in the outbox is sent to a web address or by mail.

A thread of its own beside the dispatcher, so that a receiver that hangs holds up
nothing else; whatever fails is tried again later by whichever worker is there.
`python -m worker.notify` sends what is due now, and ends.
"""

import asyncio
import logging
import random
import smtplib
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import urlsplit

from pydantic import SecretStr

from jobs import settings
from jobs.ledger import Ledger, LedgerError, connect
from jobs.ledger.outbox import PendingNotification
from jobs.net import barred_by
from jobs.notification import GIVEN_UP_S, Notification, retry_in_s, web_request
from jobs.provider.http import REQUEST_ERRORS, Http, describe, in_daemon_thread
from jobs.settings import Settings, Smtp

log = logging.getLogger("reelmill.notify")

#: Seconds between two polls of the outbox.
TICK_S = 1.0

#: Seconds that one receiver has, from the first byte to the last.
TIMEOUT_S = 15.0

#: Longer than a try can take, so that nobody else tries meanwhile.
LEASE_S = 2 * TIMEOUT_S

#: Notifications that go out side by side.
MAX_AT_ONCE = 20

#: Where a password may be sent without TLS.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class NotificationError(Exception):
    """It did not reach its receiver; says why, without a secret."""


def keep_delivering(
    settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool]
) -> None:
    """Deliver what is due until the worker stops; nothing that goes wrong ends it.

    It is the whole life of a daemon thread.
    """
    while settings.notifies and not is_stopping():
        time.sleep(TICK_S)
        try:
            deliver_due(settings, ledger)
        except (LedgerError, OSError) as error:
            log.warning("nobody is notified: %s", error)
        except Exception:
            # The thread would end, and nobody would be told anything any more.
            log.exception("notifying failed; it is tried again")


def deliver_due(
    settings: Settings, ledger: Ledger, timeout_s: float = TIMEOUT_S
) -> int:
    """Deliver what is due now; how many notifications that were.

    `timeout_s` is for one receiver, far less than `LEASE_S`.
    """
    leased = ledger.outbox.lease(settings.account_id, MAX_AT_ONCE, LEASE_S)

    async def deliver_all() -> None:
        tries = (_deliver(settings, ledger, each, timeout_s) for each in leased)
        await asyncio.gather(*tries)

    if leased:
        asyncio.run(deliver_all())
    return len(leased)


def notify_batch(settings: Settings, ledger: Ledger, batch_id: str) -> None:
    """Notify that a batch came to rest, if anybody wants to know."""
    if settings.notifies:
        batch = ledger.batches.read(batch_id)
        ledger.outbox.add_batch(batch, settings.report_url)


async def _deliver(
    settings: Settings, ledger: Ledger, pending: PendingNotification, timeout_s: float
) -> None:
    """Send it on every channel that is left, and write down what came of it."""
    notification, delivered = pending.notification, list(pending.delivered)
    asked = {"web": settings.notify_url is not None, "mail": settings.notify_email}
    left = [name for name, is_asked in asked.items() if is_asked]
    left = [name for name in left if name not in delivered]
    for name in left:
        about = (notification.id, name)
        try:
            await _try(settings, name, notification, timeout_s)
        except NotificationError as error:
            log.warning("%s is not delivered by %s yet: %s", *about, error)
        else:
            delivered.append(name)
            log.info("%s is delivered by %s: %s", *about, notification.subject)
    now_s = ledger.now_s()
    since_s = now_s if pending.since_s is None else pending.since_s
    is_done = len(delivered) == len(pending.delivered) + len(left)
    if is_done or now_s - since_s > GIVEN_UP_S:
        if not is_done:
            words = "%s could not be delivered in time: %s"
            log.error(words, notification.id, notification.subject)
        ledger.outbox.done(notification)
        return
    tries = pending.tries + 1
    later = replace(pending, tries=tries, delivered=tuple(delivered), since_s=since_s)
    ledger.outbox.reschedule(later, retry_in_s(tries, random.random()))


async def _try(
    settings: Settings, name: str, notification: Notification, timeout_s: float
) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await CHANNELS[name](settings, notification, timeout_s)
    except TimeoutError:
        raise NotificationError(f"no answer in {timeout_s:g} s") from None
    except (*REQUEST_ERRORS, smtplib.SMTPException) as error:
        if barred := barred_by(error):
            words = f"REELMILL_NOTIFY_URL: {barred}; give another"
        else:
            words = _without_secrets(describe(error), settings)
        raise NotificationError(words) from None


async def _by_web(
    settings: Settings, notification: Notification, timeout_s: float
) -> None:
    url, secret = _shown(settings.notify_url), _shown(settings.notify_secret)
    headers, body = web_request(notification, url, secret, time.time())
    http = Http(timeout_s)
    try:
        async with await http.ask("POST", url, headers, body) as response:
            # What else it says is of no interest, and may be without end.
            status = response.status
    finally:
        await http.close()
    if status in range(200, 300):
        return
    hint = ", and redirects are not followed; set REELMILL_NOTIFY_URL to their end"
    hint = hint if status in range(300, 400) else ""
    raise NotificationError(f"the receiver answers HTTP {status}{hint}")


async def _by_mail(
    settings: Settings, notification: Notification, timeout_s: float
) -> None:
    server = Smtp.read(_shown(settings.smtp_url))
    mail = EmailMessage()
    mail["Subject"] = notification.subject
    mail["From"] = server.sender
    mail["To"] = settings.notify_email
    mail["Date"] = formatdate()
    # The same for each try, so that doubles are known.
    mail["Message-ID"] = f"<{notification.id}@reelmill>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(notification.text + "\n")
    await in_daemon_thread(_send, server, mail, timeout_s)


def _send(server: Smtp, mail: EmailMessage, timeout_s: float) -> None:
    """Hand a mail to its server; blocks."""
    trust = ssl.create_default_context()
    where = (server.host, server.port)
    with (
        smtplib.SMTP_SSL(*where, timeout=timeout_s, context=trust)
        if server.tls
        else smtplib.SMTP(*where, timeout=timeout_s)
    ) as smtp:
        smtp.ehlo()
        if not server.tls and smtp.has_extn("starttls"):
            smtp.starttls(context=trust)
        elif not server.tls and server.user and server.host not in LOOPBACK:
            raise smtplib.SMTPException(
                "it offers no TLS, and the password is not sent without; "
                "use smtps:// in REELMILL_SMTP_URL"
            )
        if server.user:
            smtp.login(server.user, server.password)
        refused = smtp.send_message(mail)
    if refused:
        log.warning("the mail server refused %s", ", ".join(sorted(refused)))


Channel = Callable[[Settings, Notification, float], Awaitable[None]]
CHANNELS: dict[str, Channel] = {"web": _by_web, "mail": _by_mail}


def _shown(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _without_secrets(words: str, settings: Settings) -> str:
    """A library's words without the path of an address, which may be its key."""
    url = _shown(settings.notify_url)
    rest = urlsplit(url).path
    for secret in (url, rest if len(rest) > 1 else ""):
        words = words.replace(secret, "***") if secret else words
    return words


def main() -> None:
    """Deliver what is due now, and end."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    chosen = settings.read()
    ledger = connect(chosen.ledger_url)
    while chosen.notifies and deliver_due(chosen, ledger):
        pass


if __name__ == "__main__":
    main()
