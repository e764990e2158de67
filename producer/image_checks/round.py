"""A round of looks: every distinct picture once, side by side, in flat memory.

It decides who is looked at now and what is kept of it; how a picture is looked at
stands in `web`, `local` and `objects`, and what a finding means in `judging`.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

from jobs.catalogue import builtin
from jobs.catalogue.addresses import is_http, is_object
from jobs.catalogue.pictures import ImageInfo, validate_image
from jobs.net import Guard
from jobs.text import shown
from producer.image_checks import local
from producer.image_checks.asking import Asking, Manners
from producer.image_checks.memory import Found, ImageCache, Kept
from producer.image_checks.seen import ImageCheckError, LookSummary
from producer.image_checks.web import WebLook
from producer.image_checks.wish import Wish

#: Pictures in hand at once: more than are asked for, so that a slow host does not keep
#: the others waiting.
IN_HAND = 512

#: Files and objects that are read at once.
_READERS = 16


def look_at(
    addresses: Iterable[str],
    memory: ImageCache,
    *,
    near_allowed: bool,
    whole: bool,
    fetched: Callable[[int, int], None] | None = None,
    manners: Manners | None = None,
) -> LookSummary:
    """Look at every distinct picture; afterwards `memory.find` answers for each.

    Args:
        addresses: as they are written in jobs; they may repeat.
        memory: where findings are held.
        near_allowed: also ask loopback and private hosts; see `near_allowed_for`.
        whole: learn the digest of the whole content, of pictures that a model takes.
        fetched: told after every picture how many are done and how many bytes came.
        manners: how hosts are asked.
    """
    looks = _Round(memory, near=near_allowed, whole=whole, fetched=fetched)
    asyncio.run(looks.run(addresses, manners or Manners()))
    return LookSummary(looks.looked, looks.remembered, looks.bytes)


class _Round:
    """One round, in one event loop."""

    def __init__(
        self,
        memory: ImageCache,
        *,
        near: bool,
        whole: bool,
        fetched: Callable[[int, int], None] | None,
    ) -> None:
        self.looked = 0
        self.remembered = 0
        self.bytes = 0
        self._counting = Lock()
        self._memory = memory
        self._near = near
        self._whole = whole
        self._fetched = fetched
        limits = [model.pictures for model in builtin().models.values()]
        self._limits = list(dict.fromkeys(limits))
        most_bytes = max(limit.max_bytes for limit in limits)
        self._wish = Wish(whole, self._is_taken, most_bytes, self._count)

    async def run(self, addresses: Iterable[str], manners: Manners) -> None:
        """Look at all of them."""
        self._memory.begin()
        asking = Asking(Guard(near_allowed=self._near), manners)
        left = self._claimed(addresses)
        with ThreadPoolExecutor(_READERS, "look") as self._threads:
            workers = [
                asyncio.create_task(self._work(left, asking)) for _ in range(IN_HAND)
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                await asking.close()
                self._memory.write()

    def _claimed(self, addresses: Iterable[str]) -> Iterator[str]:
        for address in addresses:
            if self._memory.claim(address, whole=self._whole):
                yield address

    async def _work(self, left: Iterator[str], asking: Asking) -> None:
        for address in left:
            try:
                kept, believed = await self._look(address, asking)
            except ImageCheckError as trouble:
                self.looked += 1
                message = f"{shown(address)} {trouble.message}"
                found = Found(None, trouble.trouble, message, trouble.suggestion)
            else:
                self.looked += not believed
                self.remembered += believed
                found = Found(kept.look)
            self._memory.note(address, found)
            if self._fetched is not None:
                self._fetched(self.looked + self.remembered, self.bytes)
            # What is remembered waits for nothing, and must not keep others waiting.
            await asyncio.sleep(0)

    async def _look(self, address: str, asking: Asking) -> tuple[Kept, bool]:
        """What is known of a picture now, and whether it is what was known before."""
        kept = self._memory.kept(address)
        if kept is not None and self._whole and kept.look.sha256 is None:
            kept = None
        if is_http(address):
            now, believed = await self._look_on_web(address, kept, asking)
        else:
            now, believed = await self._look_in_thread(address, kept)
        if now is not kept:
            self._keep(address, now)
        return now, believed

    async def _look_on_web(
        self, address: str, kept: Kept | None, asking: Asking
    ) -> tuple[Kept, bool]:
        if kept is not None and kept.near and not self._near:
            kept = None
        # What is about to be paid for is always asked for: it may have been replaced.
        if kept is not None and not self._whole and self._memory.is_fresh(kept):
            return kept, True
        look = WebLook(address, asking, self._memory, self._wish)
        if kept is not None and await asking.patiently(lambda: look.still_holds(kept)):
            return replace(kept, near=self._near), True
        return replace(await asking.patiently(look.read), near=self._near), False

    async def _look_in_thread(
        self, address: str, kept: Kept | None
    ) -> tuple[Kept, bool]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, _looked, address, kept, self._wish
        )

    def _keep(self, address: str, kept: Kept) -> None:
        """Keep what a model takes, if anything tells when it changes.

        What some model refuses may be mended in a moment: it is always asked for.
        """
        if (kept.tag or kept.modified) and self._is_taken(kept.look):
            refused = any(
                validate_image(kept.look, limits, "") for limits in self._limits
            )
            self._memory.keep(address, kept, fresh=not refused)

    def _is_taken(self, look: ImageInfo) -> bool:
        return any(not validate_image(look, limits, "") for limits in self._limits)

    def _count(self, came: int) -> None:
        # Told from the threads too.
        with self._counting:
            self.bytes += came


def _looked(address: str, kept: Kept | None, wish: Wish) -> tuple[Kept, bool]:
    """A look at a file or an object; it waits for a disk, so it belongs in a thread."""
    if is_object(address):
        from producer.image_checks import objects  # noqa: PLC0415 - few need obstore

        if kept is not None and kept.tag == objects.tag_of(address):
            return kept, True
        return objects.look(address, wish), False
    if kept is not None and kept.tag == local.tag_of(address):
        return kept, True
    return local.look(address, wish), False
