"""The pictures that predictions begin with, and the videos that they end with.

Only URLs of this machine are fetched, so that no request ever leaves it; a picture from
elsewhere becomes a card with the name of its file. A video is H.264, begins with its
picture and zooms into it slowly; sound is silence. It is rendered when it is asked for,
once for all predictions that look alike.
"""

import asyncio
import contextlib
import hashlib
import io
import ipaddress
import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import av
import httpx
from PIL import Image, ImageDraw, ImageFont, ImageOps

from sandbox.models import MODELS, picture_urls
from sandbox.settings import draw

#: What the model pages allow a picture to weigh, and the least of a side.
MAX_BYTES = 10 * 1024 * 1024
MIN_SIDE_PX = 300
#: Long side that a picture is kept at.
KEPT_PX = 480
FETCH_S = 5.0
#: At most a quarter of a megabyte each; and about 150 MB of ordinary videos.
KEPT_PICTURES = 256
KEPT_VIDEOS = 500
#: A long video has fewer frames a second, so that none takes half a second to make.
LONG_S = 10
#: How much of the picture's width and height is out of view at the end.
ZOOM = 0.12
SOUND_HZ = 24_000
#: Samples of an AAC frame.
SOUND_FRAME = 1_024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a prediction ends."""

    status: str
    #: The provider's task error code; 0 is none.
    code: int = 0
    error: str = ""
    refunded: bool = False


OUT_OF_REACH = Outcome("failed", 1402, "Media access failed: {}", refunded=True)
UNUSABLE = Outcome("failed", 1401, "Invalid parameter: {}", refunded=True)


class PictureError(Exception):
    """A picture that cannot be used; `outcome` is that of its prediction."""

    def __init__(self, outcome: Outcome, problem: str) -> None:
        super().__init__(problem)
        self.outcome = replace(outcome, error=outcome.error.format(problem))


@cache
def samples() -> dict[str, bytes]:
    """The sample pictures by their path below the files origin."""
    entries = (files("sandbox") / "samples").iterdir()
    pictures = (entry for entry in entries if entry.name.endswith(".jpg"))
    return {f"/pictures/{entry.name}": entry.read_bytes() for entry in pictures}


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


class Media:
    """Pictures as PNG, and rendered videos; the latest of them are kept."""

    def __init__(
        self, folder: Path, pool: Executor, own_file: Callable[[str], bytes | None]
    ) -> None:
        """Keep nothing yet.

        Args:
            folder: Where videos may be written.
            pool: Threads for pictures and videos.
            own_file: The bytes of a file the sandbox serves itself; None for any other
                URL.
        """
        self._folder = folder
        self._pool = pool
        self._own_file = own_file
        #: At most so many fetches side by side.
        self._gate = asyncio.Semaphore(8)
        self._pictures: dict[str, asyncio.Task[bytes]] = {}
        self._videos: dict[str, asyncio.Task[Path]] = {}

    def fetch(
        self, urls: Sequence[str], *, check: bool
    ) -> asyncio.Task[Outcome | None] | None:
        """Begin to fetch the pictures that are within reach; None if none is.

        Returns:
            Why they cannot be used; None if all is well.
        """
        wanted = [url for url in urls if self._reachable(url)]
        return asyncio.create_task(self._fetch(wanted, check=check)) if wanted else None

    async def video(self, model_id: str, inputs: Mapping[str, Any], kind: str) -> Path:
        """The file of a prediction's video; `kind` is `demo` or `small`."""
        png = await self._picture(next(iter(picture_urls(inputs)), ""))
        clip = Clip.of(model_id, inputs, kind)
        name = hashlib.sha256(png + repr(clip).encode()).hexdigest()
        path = self._folder / f"{name}.mp4"
        while len(self._videos) > KEPT_VIDEOS:
            oldest = next(iter(self._videos))
            if not self._videos[oldest].done():
                break  # its file would come after it was taken away
            del self._videos[oldest]
            (self._folder / f"{oldest}.mp4").unlink(missing_ok=True)
        return await _once(
            self._videos, name, lambda: self._in_pool(render, png, clip, path)
        )

    def _reachable(self, url: str) -> bool:
        return is_local(url) or self._own_file(url) is not None

    async def _fetch(self, urls: Sequence[str], *, check: bool) -> Outcome | None:
        try:
            for url in urls:
                await self._kept(url, check=check)
        except PictureError as error:
            return error.outcome
        return None

    async def _picture(self, url: str) -> bytes:
        """The picture of a URL; a card where there is none to be had."""
        if url in self._pictures or self._reachable(url):
            # It was there when the prediction began, and may be gone by now.
            with contextlib.suppress(PictureError):
                return await self._kept(url, check=False)
        return await self._in_pool(card, url)

    async def _kept(self, url: str, *, check: bool) -> bytes:
        async def made() -> bytes:
            if (raw := self._own_file(url)) is None:
                async with self._gate:
                    raw = await _fetched(url)
            return await self._in_pool(lambda: shrunk(raw, url, check=check))

        while len(self._pictures) > KEPT_PICTURES:
            del self._pictures[next(iter(self._pictures))]
        return await _once(self._pictures, url, made)

    async def _in_pool(self, make: Callable[..., T], *args: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, make, *args)


async def _once(
    kept: dict[str, asyncio.Task[T]],
    name: str,
    make: Callable[[], Coroutine[Any, Any, T]],
) -> T:
    """What is kept under that name, or is made now; a failure is tried again."""
    task = kept.get(name)
    if task is None or (task.done() and task.exception()):
        task = kept[name] = asyncio.create_task(make())
    # One impatient client must not take it from the others.
    return await asyncio.shield(task)


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


def shrunk(raw: bytes, url: str, *, check: bool) -> bytes:
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
        allowed = f".jpg, .jpeg or .png, and no side is under {MIN_SIDE_PX} px"
        problem = f"{url} is a {kind} of {size[0]}x{size[1]}; pictures are {allowed}"
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


@dataclass(frozen=True, slots=True)
class Clip:
    """What to make of a picture."""

    duration_s: int
    sound: bool
    #: Width to height, or None for that of the picture.
    aspect: Fraction | None
    long_side_px: int
    frames_per_s: int
    #: 0 is flawless and 51 is mud, as x264 counts.
    loss: int = 18

    @classmethod
    def of(cls, model_id: str, inputs: Mapping[str, Any], kind: str) -> "Clip":
        """What the video of a prediction looks like; `kind` is `demo` or `small`."""
        model = MODELS[model_id]
        duration_s, sound = model.duration_s(inputs), bool(inputs.get("sound"))
        given = model.value(inputs, "aspect_ratio")
        aspect = Fraction(*map(int, given.split(":"))) if given else None
        if kind == "small":
            return cls(duration_s, sound, aspect, 160, 5, 30)
        return cls(duration_s, sound, aspect, 480, 24 if duration_s <= LONG_S else 16)

    def size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels, even as H.264 asks for."""
        ratio = self.aspect or Fraction(*picture)
        width = self.long_side_px * min(Fraction(1), ratio)
        height = self.long_side_px * min(Fraction(1), 1 / ratio)
        return max(2, round(width / 2) * 2), max(2, round(height / 2) * 2)


def render(png: bytes, clip: Clip, path: Path) -> Path:
    """Write the video as MP4 with its index first, ready to play while it loads."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = ImageOps.fit(picture, clip.size(picture.size), Image.Resampling.LANCZOS)
    # The index goes in front in a second pass over the file.
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as file:
        fast = {"preset": "ultrafast", "crf": str(clip.loss)}
        video = file.add_stream("libx264", rate=clip.frames_per_s, options=fast)
        video.width, video.height = picture.size
        video.pix_fmt = "yuv420p"
        # Several videos are made side by side; one thread each is fair to others.
        video.codec_context.thread_count = 1
        if clip.sound:  # every track must be there before the first packet of any
            sound = file.add_stream("aac", rate=SOUND_HZ, layout="mono")
        count = clip.duration_s * clip.frames_per_s
        for number in range(count):
            frame = av.VideoFrame.from_image(_zoomed(picture, number / count))  # type: ignore[no-untyped-call]  # the library has none
            frame.pts = number
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if clip.sound:
            for start in range(0, clip.duration_s * SOUND_HZ, SOUND_FRAME):
                file.mux(sound.encode(_silence(start, clip.duration_s * SOUND_HZ)))
            file.mux(sound.encode(None))
    return path


def _zoomed(picture: Image.Image, at: float) -> Image.Image:
    """The picture seen from nearer; at 0 it is the picture, at 1 the zoom ends."""
    share = ZOOM * (1 - math.cos(math.pi * at)) / 4  # slow in and slow out
    left, top = picture.width * share, picture.height * share
    window = (left, top, picture.width - left, picture.height - top)
    return picture.resize(picture.size, Image.Resampling.BILINEAR, window)


def _silence(start: int, total: int) -> av.AudioFrame:
    frame = av.AudioFrame("fltp", "mono", min(SOUND_FRAME, total - start))
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate = SOUND_HZ
    frame.pts = start
    return frame
