"""Checks every distinct picture of a manifest once, many side by side."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from jobs.catalogue import builtin
from jobs.catalogue.addresses import is_http
from jobs.catalogue.pictures import ImageInfo
from jobs.net import Guard
from jobs.text import shown
from producer.image_checks.cache import CachedImage, ImageCache
from producer.image_checks.fetch import Client, FetchLimits
from producer.image_checks.files import check_file
from producer.image_checks.results import (
    CheckSummary,
    Demand,
    Finding,
    ImageCheckError,
)
from producer.image_checks.web import WebImage

#: Pictures in hand at once: more than are asked for, so that a slow host does not keep
#: the others waiting.
IN_HAND = 512

#: Files and objects that are read at once.
_READERS = 16


def check_images(
    addresses: Iterable[str],
    cache: ImageCache,
    *,
    near_allowed: bool,
    whole: bool,
    progress: Callable[[int, int], None] = lambda _count, _bytes: None,
    limits: FetchLimits | None = None,
) -> CheckSummary:
    """Check every distinct picture; afterwards `cache.find` answers for each.

    Args:
        addresses: as they are written in jobs; they may repeat.
        cache: where findings are held.
        near_allowed: also ask loopback and private hosts; see `near_allowed_for`.
        whole: learn the digest of the whole content, of pictures that a model accepts.
        progress: told after every picture how many are done and how many bytes came.
        limits: how hosts are asked.
    """
    models = builtin().models.values()
    demand = Demand(whole, tuple({one for model in models if (one := model.pictures)}))
    checks = _Round(cache, demand, near_allowed, progress)
    asyncio.run(checks.run(addresses, limits or FetchLimits()))
    return checks.summary


@dataclass(slots=True)
class _Round:
    """One round, in one event loop."""

    cache: ImageCache
    demand: Demand
    near_allowed: bool
    progress: Callable[[int, int], None]
    summary: CheckSummary = field(default_factory=CheckSummary)

    async def run(self, addresses: Iterable[str], limits: FetchLimits) -> None:
        left = self.cache.unchecked(addresses, whole=self.demand.whole)
        client = Client(Guard(near_allowed=self.near_allowed), limits)
        with ThreadPoolExecutor(_READERS, "image-check") as threads:
            works = (self._work(left, client, threads) for _ in range(IN_HAND))
            workers = [asyncio.create_task(work) for work in works]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
                await client.close()
                self.cache.write()

    async def _work(
        self, left: Iterator[str], client: Client, threads: Executor
    ) -> None:
        for address in left:
            try:
                found = Finding(await self._check(address, client, threads))
                if address in client.browsers_only:
                    found = replace(found, kind="browsers-only")
            except ImageCheckError as error:
                self.summary.read += 1
                message = f"{shown(address)} {error.message}"
                found = Finding(None, error.kind, message, error.suggestion)
            self.cache.note(address, found)
            done = self.summary.read + self.summary.unchanged
            self.progress(done, self.summary.bytes)
            # What is cached waits for nothing, and must not keep others waiting.
            await asyncio.sleep(0)

    async def _check(
        self, address: str, client: Client, threads: Executor
    ) -> ImageInfo:
        cached = self.cache.cached(address)
        if cached is not None and self.demand.whole and cached.info.sha256 is None:
            cached = None
        if is_http(address):
            now, is_unchanged = await self._check_web(address, cached, client)
        else:
            loop, args = asyncio.get_running_loop(), (address, cached, self.demand)
            now, came = await loop.run_in_executor(threads, check_file, *args)
            self.summary.bytes += came
            is_unchanged = now is cached
        self.summary.unchanged += is_unchanged
        self.summary.read += not is_unchanged
        if now is not cached:
            self._keep(address, now)
        return now.info

    async def _check_web(
        self, address: str, cached: CachedImage | None, client: Client
    ) -> tuple[CachedImage, bool]:
        """What is known of a picture now, and whether it was known before."""
        if cached is not None and cached.near and not self.near_allowed:
            cached = None
        image = WebImage(address, client, self.cache, self.demand)
        try:
            if cached is not None:
                # What is about to be paid for is always asked for.
                if not self.demand.whole and self.cache.is_fresh(cached):
                    return cached, True
                if await client.retry(lambda: image.is_unchanged(cached)):
                    return replace(cached, near=self.near_allowed), True
            read = await client.retry(image.read)
            return replace(read, near=self.near_allowed), False
        finally:
            self.summary.bytes += image.bytes_read

    def _keep(self, address: str, image: CachedImage) -> None:
        """Remember what a model accepts, if anything tells when it changes.

        What some model refuses may be mended in a moment: it is always asked for.
        """
        if (image.tag or image.modified) and self.demand.is_accepted(image.info):
            fresh = not self.demand.is_refused(image.info)
            self.cache.keep(address, image, fresh=fresh)
