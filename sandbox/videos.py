"""The videos of completed predictions, made when they are first asked for.

It decides what a video must look like for its prediction and keeps the latest of them
in a temporary folder, so that many predictions of one picture cost one rendering. The
motion stands in `rendering`, the serving in `downloads`.
"""

import asyncio
import hashlib
from collections import OrderedDict
from concurrent.futures import Executor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from sandbox.models import Model, picture_urls
from sandbox.pictures import Gallery
from sandbox.predictions import Prediction
from sandbox.rendering import Film, render

#: About 150 MB of ordinary videos.
KEPT_VIDEOS = 500
#: A long video has fewer frames a second, so that none takes half a second to make.
LONG_S = 10


@dataclass(slots=True)
class Shelf:
    """Rendered videos by what they show."""

    folder: Path
    pool: Executor
    gallery: Gallery
    most: int = KEPT_VIDEOS
    kept: OrderedDict[str, asyncio.Future[Path]] = field(default_factory=OrderedDict)

    async def video(self, prediction: Prediction, model: Model, quality: str) -> Path:
        """The file of a prediction's video; made now if it is not yet there."""
        url = next(picture_urls(prediction.inputs), "")
        png = await self.gallery.picture(url)
        film = _film(prediction, model, quality)
        name = hashlib.sha256(png + repr(film).encode()).hexdigest()
        if name not in self.kept:
            path = self.folder / f"{name}.mp4"
            loop = asyncio.get_running_loop()
            self.kept[name] = asyncio.ensure_future(
                loop.run_in_executor(self.pool, _rendered, png, film, path)
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


def _film(prediction: Prediction, model: Model, quality: str) -> Film:
    duration_s = model.duration_s(prediction.inputs)
    frames_per_s = 24 if duration_s <= LONG_S else 16
    default = model.inputs.get("aspect_ratio", {}).get("default")
    aspect = prediction.inputs.get("aspect_ratio", default)
    return Film(
        duration_s=duration_s,
        sound=bool(prediction.inputs.get("sound")),
        aspect=Fraction(*map(int, aspect.split(":"))) if aspect else None,
        long_side_px=160 if quality == "small" else 480,
        frames_per_s=5 if quality == "small" else frames_per_s,
        loss=30 if quality == "small" else 18,
    )


def _rendered(png: bytes, film: Film, path: Path) -> Path:
    render(png, film, path)
    return path
