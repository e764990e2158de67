"""Telling people: what the ledger has for them is sent to the web or by mail.

A thread of its own beside the pulse, so that a receiver that hangs holds up nothing
else; whatever fails is tried again later by whichever worker is there. What is told
stands in `jobs.batch.telling`. `python -m worker.telling` tells what is due now, and
ends.
"""

import asyncio
import logging
import random
import smtplib
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from email.message import EmailMessage
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import urlsplit

from pydantic import SecretStr

from jobs import settings
from jobs.batch.telling import GIVEN_UP_S, Telling, again_s, request_of
from jobs.ledger import Ledger, LedgerError, connect
from jobs.ledger.tellings import Untold
from jobs.net import barred_by
from jobs.settings import Settings
from jobs.settings.telling import Smtp
from worker.replies import describe
from worker.transport import REQUEST_ERRORS, make_client

log = logging.getLogger("reelmill.telling")

#: Seconds between two looks at what is to be told.
BEAT_S = 1.0

#: Patience for one receiver, from the first byte to the last.
DEADLINE_S = 15.0

#: Longer than a try can take, so that nobody else tries meanwhile.
LEASE_S = 2 * DEADLINE_S

#: Tellings that go out side by side.
MOST = 20

Way = Callable[[Settings, Telling], Awaitable[None]]


class NotificationError(Exception):
    """It did not reach its receiver; says why, without a secret."""


class Teller(threading.Thread):
    """Tells what is due, for as long as the worker lives."""

    def __init__(
        self, settings: Settings, ledger: Ledger, is_stopping: Callable[[], bool]
    ) -> None:
        """A teller that goes on until it finds that the worker is stopping."""
        super().__init__(name="telling", daemon=True)
        self._settings = settings
        self._ledger = ledger
        self._is_stopping = is_stopping

    def run(self) -> None:
        """Tell until stopped; nothing that goes wrong ends it."""
        while self._settings.notifies and not self._is_stopping():
            time.sleep(BEAT_S)
            try:
                tell_due(self._settings, self._ledger)
            except (LedgerError, OSError) as error:
                log.warning("nobody is told: %s", error)
            except Exception:
                log.exception("telling failed; it is tried again")


def tell_due(settings: Settings, ledger: Ledger, deadline_s: float = DEADLINE_S) -> int:
    """Tell what is due now; how many tellings that were.

    `deadline_s` is the patience for one receiver, far less than `LEASE_S`.
    """
    leased = ledger.tellings.lease(settings.account_id, MOST, LEASE_S)
    if leased:
        asyncio.run(_tell_all(settings, ledger, leased, deadline_s))
    return len(leased)


def tell_rest(settings: Settings, ledger: Ledger, batch_id: str) -> None:
    """Have it told that a batch came to rest, if anybody wants to know."""
    if settings.notifies:
        batch = ledger.batches.read(batch_id)
        ledger.tellings.add_batch(batch, settings.report_url)


async def _tell_all(
    settings: Settings, ledger: Ledger, leased: list[Untold], deadline_s: float
) -> None:
    tries = (_tell(settings, ledger, each, deadline_s) for each in leased)
    await asyncio.gather(*tries)


async def _tell(
    settings: Settings, ledger: Ledger, untold: Untold, deadline_s: float
) -> None:
    """Tell it on every way that is left, and write down what came of it."""
    telling, told = untold.telling, list(untold.told)
    left = [name for name in _ways(settings) if name not in told]
    for name in left:
        try:
            await _try(settings, name, telling, deadline_s)
        except NotificationError as error:
            log.warning("%s is not told by %s yet: %s", telling.id, name, error)
        else:
            told.append(name)
            log.info("%s is told by %s: %s", telling.id, name, telling.subject)
    now_s = ledger.now_s()
    since_s = now_s if untold.since_s is None else untold.since_s
    if len(told) == len(untold.told) + len(left):
        ledger.tellings.done(telling)
    elif now_s - since_s > GIVEN_UP_S:
        log.error("%s could not be told in time: %s", telling.id, telling.subject)
        ledger.tellings.done(telling)
    else:
        tries = untold.tries + 1
        later = replace(untold, tries=tries, told=tuple(told), since_s=since_s)
        ledger.tellings.tell_again(later, again_s(tries, random.random()))  # noqa: S311 - nothing secret hangs on it


async def _try(
    settings: Settings, name: str, telling: Telling, deadline_s: float
) -> None:
    try:
        async with asyncio.timeout(deadline_s):
            await WAYS[name](settings, telling)
    except TimeoutError:
        raise NotificationError(f"no answer in {deadline_s:g} s") from None
    except (*REQUEST_ERRORS, smtplib.SMTPException) as error:
        if barred := barred_by(error):
            raise NotificationError(
                f"REELMILL_NOTIFY_URL: {barred}; give another"
            ) from None
        raise NotificationError(_without_secrets(describe(error), settings)) from None


def _ways(settings: Settings) -> list[str]:
    asked = {"web": settings.notify_url is not None, "mail": settings.notify_email}
    return [name for name, is_asked in asked.items() if is_asked]


async def _by_web(settings: Settings, telling: Telling) -> None:
    url, secret = _shown(settings.notify_url), _shown(settings.notify_secret)
    headers, body = request_of(telling, url, secret, time.time())
    async with (
        make_client(DEADLINE_S) as client,
        client.stream("POST", url, content=body, headers=headers) as response,
    ):
        # What else it says is of no interest, and may be without end.
        status = response.status_code
    if status in range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST):
        raise NotificationError(
            f"the receiver answers HTTP {status}, and redirects are not followed; "
            "set REELMILL_NOTIFY_URL to where it leads"
        )
    if status not in range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES):
        raise NotificationError(f"the receiver answers HTTP {status}")


async def _by_mail(settings: Settings, telling: Telling) -> None:
    server = Smtp.read(_shown(settings.smtp_url))
    mail = mail_of(telling, server.sender, settings.notify_email)
    await _in_thread(lambda: _send(server, mail))


def mail_of(telling: Telling, sender: str, receivers: str) -> EmailMessage:
    """The mail that tells it; each try has the same id, so that doubles are known."""
    mail = EmailMessage()
    mail["Subject"] = telling.subject
    mail["From"] = sender
    mail["To"] = receivers
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{telling.id}@reelmill>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(telling.text + "\n")
    return mail


def _send(server: Smtp, mail: EmailMessage) -> None:
    """Hand a mail to its server; blocks.

    Raises:
        SMTPException: the server does not take it.
        OSError: it is out of reach.
    """
    trust = ssl.create_default_context()
    where = (server.host, server.port)
    with (
        smtplib.SMTP_SSL(*where, timeout=DEADLINE_S, context=trust)
        if server.tls
        else smtplib.SMTP(*where, timeout=DEADLINE_S)
    ) as smtp:
        smtp.ehlo()
        if not server.tls and smtp.has_extn("starttls"):
            smtp.starttls(context=trust)
        elif not server.tls and server.user and not _is_here(server.host):
            raise smtplib.SMTPException(
                "it offers no TLS, and the password is not sent without; "
                "use smtps:// in REELMILL_SMTP_URL"
            )
        if server.user:
            smtp.login(server.user, server.password)
        refused = smtp.send_message(mail)
    if refused:
        log.warning("the mail server refused %s", ", ".join(sorted(refused)))


def _is_here(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


async def _in_thread(do: Callable[[], None]) -> None:
    """Do something that blocks, in a thread that nobody waits for at the end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():
            return
        if error:
            done.set_exception(error)
        else:
            done.set_result(None)

    def work() -> None:
        error: Exception | None = None
        try:
            do()
        except Exception as raised:  # noqa: BLE001 - it is raised where it is awaited
            error = raised
        with suppress(RuntimeError):  # the loop is over, and nobody waits
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=work, name="mail", daemon=True).start()
    await done


WAYS: dict[str, Way] = {"web": _by_web, "mail": _by_mail}


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
    """Tell what is due now, and end."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    chosen = settings.read()
    ledger = connect(chosen.ledger_url)
    while chosen.notifies and tell_due(chosen, ledger):
        pass


if __name__ == "__main__":
    main()
