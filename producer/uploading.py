"""Uploading the pictures of this machine before their jobs need them, each once.

What is uploaded is what was looked at, by its digest. Each link goes into the ledger as
it comes, so an interrupted run goes on where it was.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from jobs.attempt.links import USED_S
from jobs.ledger import Ledger
from jobs.provider.answers import UploadError
from jobs.settings import Settings
from jobs.text import masked, visible
from producer.account import ACCOUNT_TROUBLES, Balance, ask, side_by_side
from producer.exits import CommandError, Exit
from producer.image_checks import ImageCheckError

if TYPE_CHECKING:
    from jobs.provider.client import Provider
    from jobs.provider.uploads import Uploads

#: Pictures that the ledger is asked about at once.
BLOCK = 500

#: Pictures that are uploaded, and held in memory, at once.
MAX_AT_ONCE = 4

#: From a picture as it is written in the manifest to something that reads its bytes.
Opened = Callable[[str], AbstractContextManager[BinaryIO]]

#: Told how many pictures and bytes were uploaded so far.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of the pictures of a manifest."""

    #: Pictures that were uploaded now.
    count: int
    #: How many bytes that were.
    bytes: int
    #: Pictures whose links from before are still good.
    kept: int


def upload_all(
    settings: Settings,
    ledger: Ledger,
    needed: Iterable[tuple[str, str]],
    opened: Opened,
    progress: Progress | None = None,
) -> Uploaded:
    """Upload the pictures that the provider does not have for long enough.

    Args:
        settings: whose account.
        ledger: where the links are kept.
        needed: content (hex SHA-256) and address of each picture, as
            `jobs.attempt.links.to_upload` tells them; any may come several times.
        opened: opens a picture by its address.
        progress: told of every picture that was uploaded.

    Raises:
        CommandError: a picture has changed or is refused, or the provider cannot be
            used.
    """
    ledger.links.forget_old(settings.account_id, ledger.now_s())
    work = _Work(settings, ledger, opened, progress)
    rest = iter(needed)
    while block := dict(islice(rest, BLOCK)):
        links = ledger.links.find(settings.account_id, list(block))
        now_s = ledger.now_s()
        good = {content for content, link in links.items() if link.fresh(now_s)}
        work.kept += len(good)
        if left := [each for each in block.items() if each[0] not in good]:
            ask(settings, partial(work.upload, left))
    return Uploaded(work.count, work.sent_bytes, work.kept)


@dataclass(slots=True)
class _Work:
    """Reads pictures, uploads them, writes down their links."""

    settings: Settings
    ledger: Ledger
    opened: Opened
    progress: Progress | None
    count: int = 0
    sent_bytes: int = 0
    kept: int = 0
    #: Why pictures were not uploaded; nothing more is begun then.
    failed: list[CommandError] = field(default_factory=list)

    async def upload(
        self, pictures: Sequence[tuple[str, str]], provider: "Provider"
    ) -> None:
        """Upload pictures side by side: content and address of each.

        Raises:
            CommandError: one cannot be uploaded. What is refused for itself leaves
                those that are under way alone; everything else ends them, too.
        """
        from jobs.provider.uploads import Uploads

        uploads = Uploads(provider)
        try:
            one = partial(self._upload, uploads)
            await side_by_side(one, pictures, MAX_AT_ONCE)
        finally:
            await uploads.close()
        if self.failed:
            raise self.failed[0]

    async def _upload(self, uploads: "Uploads", picture: tuple[str, str]) -> None:
        from jobs.provider.http import in_daemon_thread
        from jobs.provider.uploads import Picture

        content, address = picture
        if self.failed:
            return
        body = await in_daemon_thread(self._read, content, address)
        since_s = self.ledger.now_s()
        try:
            url = await uploads.upload(Picture(content, body))
        except UploadError as error:
            failed = _stop(self.settings, address, error)
            if error.trouble in ACCOUNT_TROUBLES:
                raise failed from None
            self.failed.append(failed)
            return
        account, until_s = self.settings.account_id, since_s + USED_S
        self.ledger.links.keep(account, content, url, until_s)
        self.count += 1
        self.sent_bytes += len(body)
        if self.progress:
            self.progress(self.count, self.sent_bytes)

    def _read(self, content: str, address: str) -> bytes:
        """The bytes of a picture.

        Raises:
            CommandError: they cannot be read, or are not what was looked at.
        """
        try:
            with self.opened(address) as source:
                body = source.read()
        except ImageCheckError as error:
            raise CommandError(
                f"{_named(address)} {error.message}; {error.suggestion}, "
                "and run the same command again"
            ) from None
        except OSError as error:
            raise CommandError(
                f"{_named(address)} cannot be read ({error.strerror or error}); "
                "once that is cured, run the same command again"
            ) from None
        if hashlib.sha256(body).hexdigest() != content:
            raise CommandError(
                f"{_named(address)} has changed since it was looked at; "
                "run the same command again, which looks at it anew"
            )
        return body


def _named(address: str) -> str:
    """A picture as a person finds it again: whole, on one line."""
    return visible(masked(address))


def _stop(settings: Settings, address: str, error: UploadError) -> CommandError:
    """Why a command ends whose picture was not uploaded."""
    if error.trouble in ACCOUNT_TROUBLES:
        return Balance(trouble=error.trouble, reason=str(error)).stop(settings.base_url)
    if error.trouble == "refused":
        return CommandError(
            f"the provider does not take {_named(address)}: {error}; "
            "replace the picture, or take its rows out"
        )
    return CommandError(
        f"{_named(address)} could not be uploaded: {error}; what was uploaded is "
        "known, and nothing was paid for: run the same command again to go on",
        Exit.UNREACHABLE,
    )
