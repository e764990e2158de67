"""The videos of completed predictions: rendered when they are asked for, and kept.

A video is H.264, begins with the prediction's picture and zooms into it slowly; sound
is silence. Many predictions of one picture cost one rendering.
"""

import asyncio
import hashlib
import io
import math
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageOps

from sandbox.models import MODELS, picture_urls
from sandbox.pictures import Pictures
from sandbox.prediction import Prediction

#: About 150 MB of ordinary videos.
KEPT_VIDEOS = 500
#: A long video has fewer frames a second, so that none takes half a second to make.
LONG_S = 10
#: How much of the picture's width and height is out of view at the end.
ZOOM = 0.12
SOUND_HZ = 24_000
#: Samples of an AAC frame.
SOUND_FRAME = 1_024


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

    def size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels, even as H.264 asks for."""
        ratio = self.aspect or Fraction(*picture)
        width = self.long_side_px * min(Fraction(1), ratio)
        height = self.long_side_px * min(Fraction(1), 1 / ratio)
        return max(2, round(width / 2) * 2), max(2, round(height / 2) * 2)


@dataclass(slots=True)
class Videos:
    """Rendered videos by what they show; the latest of them, in a folder."""

    folder: Path
    pool: Executor
    pictures: Pictures
    most: int = KEPT_VIDEOS
    kept: OrderedDict[str, asyncio.Future[Path]] = field(default_factory=OrderedDict)

    async def video(self, prediction: Prediction, quality: str) -> Path:
        """The file of a prediction's video; made now if it is not yet there."""
        url = next(picture_urls(prediction.inputs), "")
        png = await self.pictures.picture(url)
        clip = clip_of(prediction, quality)
        name = hashlib.sha256(png + repr(clip).encode()).hexdigest()
        if name not in self.kept:
            path = self.folder / f"{name}.mp4"
            loop = asyncio.get_running_loop()
            self.kept[name] = asyncio.ensure_future(
                loop.run_in_executor(self.pool, render, png, clip, path)
            )
            self._trim()
        self.kept.move_to_end(name)
        # Shielded: one impatient client must not take the video from the others.
        return await asyncio.shield(self.kept[name])

    def _trim(self) -> None:
        while len(self.kept) > self.most and next(iter(self.kept.values())).done():
            _, oldest = self.kept.popitem(last=False)
            if not oldest.cancelled() and oldest.exception() is None:
                oldest.result().unlink(missing_ok=True)


def clip_of(prediction: Prediction, quality: str) -> Clip:
    """What the video of a prediction looks like; `quality` is `demo` or `small`."""
    model, inputs = MODELS[prediction.model], prediction.inputs
    duration_s = model.duration_s(inputs)
    aspect = inputs.get("aspect_ratio", model.default("aspect_ratio"))
    small = quality == "small"
    return Clip(
        duration_s=duration_s,
        sound=bool(inputs.get("sound")),
        aspect=Fraction(*map(int, aspect.split(":"))) if aspect else None,
        long_side_px=160 if small else 480,
        frames_per_s=5 if small else 24 if duration_s <= LONG_S else 16,
        loss=30 if small else 18,
    )


def render(png: bytes, clip: Clip, path: Path) -> Path:
    """Write the video as MP4 with its index first, ready to play while it loads."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = ImageOps.fit(picture, clip.size(picture.size), Image.Resampling.LANCZOS)
    # The index goes in front in a second pass over the file.
    options = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=options) as file:
        video = file.add_stream(
            "libx264",
            rate=clip.frames_per_s,
            options={"preset": "ultrafast", "crf": str(clip.loss)},
        )
        video.width, video.height = picture.size
        video.pix_fmt = "yuv420p"
        # Several videos are made side by side; one thread each is fair to others.
        video.codec_context.thread_count = 1
        # Every track must be there before the first packet of any.
        sound = (
            file.add_stream("aac", rate=SOUND_HZ, layout="mono") if clip.sound else None
        )
        count = clip.duration_s * clip.frames_per_s
        for number in range(count):
            frame = av.VideoFrame.from_image(_zoomed(picture, number / count))  # type: ignore[no-untyped-call]  # the library has none
            frame.pts = number
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        if sound is not None:
            for samples in _silence(clip.duration_s):
                file.mux(sound.encode(samples))
            file.mux(sound.encode(None))
    return path


def _zoomed(picture: Image.Image, at: float) -> Image.Image:
    """The picture seen from nearer; at 0 it is the picture, at 1 the zoom ends."""
    share = ZOOM * (1 - math.cos(math.pi * at)) / 4  # slow in and slow out
    left, top = picture.width * share, picture.height * share
    window = (left, top, picture.width - left, picture.height - top)
    return picture.resize(picture.size, Image.Resampling.BILINEAR, window)


def _silence(duration_s: int) -> Iterator[av.AudioFrame]:
    """Silence exactly as long as the video."""
    total = duration_s * SOUND_HZ
    for start in range(0, total, SOUND_FRAME):
        frame = av.AudioFrame("fltp", "mono", min(SOUND_FRAME, total - start))
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate = SOUND_HZ
        frame.pts = start
        yield frame
