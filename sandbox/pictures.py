"""The pictures that predictions begin with: fetched from this machine, or drawn.

It decides which URLs may be fetched (those of this machine and no others, so that no
request ever leaves it) and turns whatever it finds into one small PNG. A picture from
elsewhere becomes a card with the name of its file. How pictures begin to move stands
in `rendering`.
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

from sandbox.faults import luck
from sandbox.predictions import OUT_OF_REACH, UNUSABLE, Fate, Look
from sandbox.settings import Settings

#: What the model pages allow a picture to weigh, and the least of a side.
MOST_BYTES = 10 * 1024 * 1024
LEAST_SIDE_PX = 300
#: More pixels than any real picture, less than what fills the memory.
MOST_PIXELS = 80_000_000
#: Long side that a picture is kept at.
KEPT_PX = 480
FETCH_S = 5.0
#: How long a picture that was fetched well is not fetched again, in seconds.
FRESH_S = 60.0
#: At most a quarter of a megabyte each.
KEPT_PICTURES = 256
KEPT_LOOKS = 1_000


class PictureRefused(Exception):  # noqa: N818 - the picture is refused, as at the provider
    """A picture that cannot be used; `fate` is what its prediction comes to."""

    def __init__(self, fate: Fate, problem: str) -> None:
        super().__init__(problem)
        self.fate = replace(fate, error=fate.error.format(problem))


def is_near(url: str) -> bool:
    """Whether the URL's host is this machine itself.

    >>> is_near("http://127.0.0.1:80/a.jpg"), is_near("https://example.com/a.jpg")
    (True, False)
    """
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(slots=True)
class Gallery:
    """Pictures that were fetched or drawn, as PNG of at most `KEPT_PX` a side."""

    pool: Executor
    #: The bytes of a file the sandbox serves itself; None for any other URL.
    own_file: Callable[[str], bytes | None]
    #: At most so many fetches side by side.
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    kept: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    looks: OrderedDict[tuple[str, ...], tuple[float, Look]] = field(
        default_factory=OrderedDict
    )
    #: Tasks are only held weakly by their loop.
    fetching: set[asyncio.Task[None]] = field(default_factory=set)

    def look(self, urls: Iterable[str], settings: Settings) -> Look | None:
        """Begin to fetch the pictures, one look for all that ask for the same ones.

        None when there is nothing to fetch.
        """
        near = tuple(url for url in urls if self._reachable(url))
        if not near:
            return None
        now_s = asyncio.get_running_loop().time()
        since_s, look = self.looks.get(near, (0.0, None))
        if look and not look.problem and (not look.done or now_s - since_s < FRESH_S):
            return look
        look = Look()
        self.looks[near] = (now_s, look)
        _trim(self.looks, KEPT_LOOKS)
        task = asyncio.create_task(self._look_at(near, look, settings))
        self.fetching.add(task)
        task.add_done_callback(self.fetching.discard)
        return look

    async def picture(self, url: str) -> bytes:
        """The picture of a URL as PNG; a card where there is none to be had."""
        if url not in self.kept and self._reachable(url):
            # It was there when the prediction began, and may be gone by now.
            with contextlib.suppress(PictureRefused):
                await self._keep(url, check=False)
        if url not in self.kept:
            loop = asyncio.get_running_loop()
            self.kept[url] = await loop.run_in_executor(self.pool, card, url)
            _trim(self.kept, KEPT_PICTURES)
        self.kept.move_to_end(url)
        return self.kept[url]

    def _reachable(self, url: str) -> bool:
        return self.own_file(url) is not None or is_near(url)

    async def _look_at(
        self, urls: tuple[str, ...], look: Look, settings: Settings
    ) -> None:
        try:
            for url in urls:
                await self._keep(url, check=settings.check_pictures)
        except PictureRefused as refused:
            look.problem = refused.fate
        finally:
            look.done = True

    async def _keep(self, url: str, *, check: bool) -> None:
        raw = self.own_file(url)
        if raw is None:
            async with self.gate:
                raw = await _fetch(url)
        loop = asyncio.get_running_loop()
        self.kept[url] = await loop.run_in_executor(self.pool, shrunk, raw, url, check)
        _trim(self.kept, KEPT_PICTURES)


async def _fetch(url: str) -> bytes:
    """The bytes of a picture on this machine.

    Raises:
        PictureRefused: not there, not in time, or too large.
    """
    raw = bytearray()
    try:
        # No proxy of the environment: nothing may leave this machine. No redirects
        # either, for they could.
        async with (
            asyncio.timeout(FETCH_S),
            httpx.AsyncClient(trust_env=False, timeout=FETCH_S) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != httpx.codes.OK:
                problem = f"{url} answered {response.status_code}"
                raise PictureRefused(OUT_OF_REACH, problem)
            async for chunk in response.aiter_bytes():
                raw += chunk
                if len(raw) > MOST_BYTES:
                    raise PictureRefused(UNUSABLE, f"{url} has more than 10 MB")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        problem = f"{url} cannot be fetched ({type(error).__name__})"
        raise PictureRefused(OUT_OF_REACH, problem) from None
    return bytes(raw)


def shrunk(raw: bytes, url: str, check: bool) -> bytes:  # noqa: FBT001 - for an executor
    """A picture file as an upright, opaque PNG of at most `KEPT_PX` a side.

    Raises:
        PictureRefused: no picture, or, where checked, not as the model pages ask for.
    """
    try:
        with Image.open(io.BytesIO(raw)) as opened:
            size, kind = opened.size, opened.format
            if size[0] * size[1] > MOST_PIXELS:
                raise PictureRefused(UNUSABLE, f"{url} has too many pixels")
            opened.draft("RGB", (KEPT_PX, KEPT_PX))
            image = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise PictureRefused(OUT_OF_REACH, f"{url} is no picture") from None
    if check and (min(size) < LEAST_SIDE_PX or kind not in {"JPEG", "PNG"}):
        problem = (
            f"{url} is a {kind} of {size[0]}x{size[1]}; pictures are .jpg, .jpeg or"
            f" .png, and no side is under {LEAST_SIDE_PX} px"
        )
        raise PictureRefused(UNUSABLE, problem)
    image.thumbnail((KEPT_PX, KEPT_PX), Image.Resampling.LANCZOS)
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image)
    return _png(paper)


def card(url: str) -> bytes:
    """A card that shows the name of a file, in a colour of its own, as PNG."""
    hue = round(luck(0, url) * 360)
    size = (KEPT_PX, KEPT_PX)
    top = Image.new("RGB", size, f"hsl({hue}, 38%, 72%)")
    bottom = Image.new("RGB", size, f"hsl({(hue + 30) % 360}, 45%, 48%)")
    image = Image.composite(bottom, top, Image.linear_gradient("L").resize(size))
    pen = ImageDraw.Draw(image)
    name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or "no picture"
    middle = KEPT_PX / 2
    longest_px = KEPT_PX * 0.86
    font = ImageFont.load_default(42)
    width = pen.textlength(name, font)
    if width > longest_px:
        font = ImageFont.load_default(max(14, 42 * longest_px / width))
    pen.text((middle, middle), name, "white", font, anchor="mm")
    pen.line([(middle - 40, 290), (middle + 40, 290)], "white", 3)
    return _png(image)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    # Kept for an hour at most and read once or twice: quick beats small.
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _trim(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
