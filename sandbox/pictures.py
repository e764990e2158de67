"""The pictures that predictions begin with: fetched from this machine, or drawn.

Only URLs of this machine are fetched, so that no request ever leaves it; a picture from
elsewhere becomes a card with the name of its file. All are kept as small PNGs.
"""

import asyncio
import contextlib
import io
import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from PIL import Image, ImageDraw, ImageFont, ImageOps

from sandbox.prediction import OUT_OF_REACH, UNUSABLE, Fetch, Outcome
from sandbox.settings import draw

#: What the model pages allow a picture to weigh, and the least of a side.
MAX_BYTES = 10 * 1024 * 1024
MIN_SIDE_PX = 300
#: Long side that a picture is kept at.
KEPT_PX = 480
FETCH_S = 5.0
#: At most a quarter of a megabyte each.
KEPT_PICTURES = 256
KEPT_FETCHES = 1_000


class PictureError(Exception):
    """A picture that cannot be used; `outcome` is that of its prediction."""

    def __init__(self, outcome: Outcome, problem: str) -> None:
        super().__init__(problem)
        self.outcome = replace(outcome, error=outcome.error.format(problem))


def is_local(url: str) -> bool:
    """Whether the URL's host is this machine itself.

    >>> is_local("http://127.0.0.1:80/a.jpg"), is_local("https://example.com/a.jpg")
    (True, False)
    """
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class Pictures:
    """Pictures that were fetched or drawn, as PNG of at most `KEPT_PX` a side."""

    pool: Executor
    #: The bytes of a file the sandbox serves itself; None for any other URL.
    own_file: Callable[[str], bytes | None]
    #: At most so many fetches side by side.
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    kept: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    fetches: OrderedDict[tuple[str, ...], Fetch] = field(default_factory=OrderedDict)

    def fetch(self, urls: Iterable[str], *, check: bool) -> Fetch | None:
        """Begin to fetch pictures, once for all predictions of the same ones.

        Returns:
            Why they cannot be used, if so; None when there is nothing to fetch.
        """
        wanted = tuple(url for url in urls if self._reachable(url))
        if not wanted:
            return None
        task = self.fetches.get(wanted)
        if task is None or (task.done() and task.result()):
            task = asyncio.create_task(self._fetch_all(wanted, check=check))
            self.fetches[wanted] = task
            _trim(self.fetches, KEPT_FETCHES)
        return task

    async def picture(self, url: str) -> bytes:
        """The picture of a URL as PNG; a card where there is none to be had."""
        if url not in self.kept and self._reachable(url):
            # It was there when the prediction began, and may be gone by now.
            with contextlib.suppress(PictureError):
                await self._keep(url, check=False)
        if url not in self.kept:
            await self._keep_made(url, card, url)
        self.kept.move_to_end(url)
        return self.kept[url]

    def _reachable(self, url: str) -> bool:
        return is_local(url) or self.own_file(url) is not None

    async def _fetch_all(self, urls: tuple[str, ...], *, check: bool) -> Outcome | None:
        try:
            for url in urls:
                await self._keep(url, check=check)
        except PictureError as error:
            return error.outcome
        return None

    async def _keep(self, url: str, *, check: bool) -> None:
        raw = self.own_file(url)
        if raw is None:
            async with self.gate:
                raw = await _fetched(url)
        await self._keep_made(url, shrunk, raw, url, check)

    async def _keep_made(
        self, url: str, make: Callable[..., bytes], *arguments: object
    ) -> None:
        loop = asyncio.get_running_loop()
        self.kept[url] = await loop.run_in_executor(self.pool, make, *arguments)
        _trim(self.kept, KEPT_PICTURES)


async def _fetched(url: str) -> bytes:
    """The bytes of a picture on this machine."""
    raw = bytearray()
    try:
        # Neither a proxy of the environment nor a redirect: both could leave this
        # machine.
        async with (
            asyncio.timeout(FETCH_S),
            httpx.AsyncClient(trust_env=False, timeout=FETCH_S) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != httpx.codes.OK:
                problem = f"{url} answered {response.status_code}"
                raise PictureError(OUT_OF_REACH, problem)
            async for chunk in response.aiter_bytes():
                raw += chunk
                if len(raw) > MAX_BYTES:
                    raise PictureError(UNUSABLE, f"{url} has more than 10 MB")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        problem = f"{url} cannot be fetched ({type(error).__name__})"
        raise PictureError(OUT_OF_REACH, problem) from None
    return bytes(raw)


def shrunk(raw: bytes, url: str, check: bool) -> bytes:  # noqa: FBT001 - for an executor
    """A picture file as an upright, opaque PNG of at most `KEPT_PX` a side.

    Raises:
        PictureError: no picture, or, where checked, not as the model pages ask for.
    """
    try:
        with Image.open(io.BytesIO(raw)) as opened:
            size, kind = opened.size, opened.format
            opened.draft("RGB", (KEPT_PX, KEPT_PX))
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise PictureError(OUT_OF_REACH, f"{url} is no picture") from None
    if check and (min(size) < MIN_SIDE_PX or kind not in {"JPEG", "PNG"}):
        problem = (
            f"{url} is a {kind} of {size[0]}x{size[1]}; pictures are .jpg, .jpeg or"
            f" .png, and no side is under {MIN_SIDE_PX} px"
        )
        raise PictureError(UNUSABLE, problem)
    image.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image)
    return _png(paper)


def card(url: str) -> bytes:
    """A card that shows the name of a file, in a colour of its own, as PNG."""
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or "no picture"
    colour = f"hsl({round(draw(0, url) * 360)}, 40%, 60%)"
    image = Image.new("RGB", (KEPT_PX, KEPT_PX), colour)
    pen = ImageDraw.Draw(image)
    width_px = pen.textlength(name, ImageFont.load_default(42))
    font = ImageFont.load_default(max(14, 42 * min(1, KEPT_PX * 0.86 / width_px)))
    pen.text((KEPT_PX / 2, KEPT_PX / 2), name, "white", font, anchor="mm")
    return _png(image)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    # Read once or twice: quick beats small.
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _trim(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
