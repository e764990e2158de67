"""Uploading the pictures of this machine before their jobs need them, each once.

What is uploaded is what was checked, by its digest. Each link goes into the ledger as
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


@dataclass(slots=True)
class Uploaded:
    """What became of the pictures of a manifest."""

    #: Pictures that were uploaded now.
    count: int = 0
    #: How many bytes that were.
    bytes: int = 0
    #: Pictures whose links from before are still good.
    kept: int = 0


def upload_all(
    settings: Settings,
    ledger: Ledger,
    needed: Iterable[tuple[str, str]],
    opened: Opened,
    progress: Progress = lambda _count, _bytes: None,
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
        work.done.kept += len(good)
        if left := [each for each in block.items() if each[0] not in good]:
            ask(settings, partial(work.upload, left))
    return work.done


@dataclass(slots=True)
class _Work:
    """Reads pictures, uploads them, writes down their links."""

    settings: Settings
    ledger: Ledger
    opened: Opened
    progress: Progress
    done: Uploaded = field(default_factory=Uploaded)
    #: Why a picture was not uploaded; nothing more is begun then.
    failed: CommandError | None = None

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
            await side_by_side(partial(self._upload, uploads), pictures, MAX_AT_ONCE)
        finally:
            await uploads.close()
        if self.failed:
            raise self.failed

    async def _upload(self, uploads: "Uploads", picture: tuple[str, str]) -> None:
        from jobs.provider.http import in_daemon_thread
        from jobs.provider.uploads import Picture

        content, address = picture
        if self.failed:
            return
        body = await in_daemon_thread(_read, self.opened, content, address)
        until_s = self.ledger.now_s() + USED_S
        try:
            url = await uploads.upload(Picture(content, body))
        except UploadError as error:
            failed = _stop(self.settings, address, error)
            if error.trouble in ACCOUNT_TROUBLES:
                raise failed from None
            self.failed = self.failed or failed
            return
        self.ledger.links.keep(self.settings.account_id, content, url, until_s)
        self.done.count += 1
        self.done.bytes += len(body)
        self.progress(self.done.count, self.done.bytes)


def _read(opened: Opened, content: str, address: str) -> bytes:
    """The bytes of a picture, if they are those that were checked."""
    name, again = visible(masked(address)), "run the same command again"
    try:
        with opened(address) as source:
            body = source.read()
    except ImageCheckError as error:
        reason = f"{error.message}; {error.suggestion}, and {again}"
        raise CommandError(f"{name} {reason}") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror or error}); cure that, and {again}"
        raise CommandError(f"{name} {reason}") from None
    if hashlib.sha256(body).hexdigest() != content:
        reason = f"has changed since it was checked; {again}, which checks it anew"
        raise CommandError(f"{name} {reason}")
    return body


def _stop(settings: Settings, address: str, error: UploadError) -> CommandError:
    """Why a command ends whose picture was not uploaded."""
    name = visible(masked(address))
    if error.trouble in ACCOUNT_TROUBLES:
        return Balance(trouble=error.trouble, reason=str(error)).stop(settings.base_url)
    if error.trouble == "refused":
        return CommandError(
            f"the provider does not take {name}: {error}; "
            "replace the picture, or take its rows out"
        )
    return CommandError(
        f"{name} could not be uploaded: {error}; what was uploaded is known, and "
        "nothing was paid for: run the same command again to go on",
        Exit.UNREACHABLE,
    )
