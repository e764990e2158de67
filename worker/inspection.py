"""Inspecting a fetched video: its poster, and how good it is.

A video that cannot be inspected is kept all the same; it has no poster and no verdict.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.job import Job
from jobs.quality import Figure, Limit, Quality, judge, limits_of
from jobs.records import JobRecord
from worker import decoder
from worker.decoder import DecodeError, FirstFrame
from worker.downloads import DownloadError, NoRoomError, partial_file
from worker.engine import Engine
from worker.first_frame_match import distance

log = logging.getLogger("reelmill.collect")

#: Videos that may wait to be inspected. Where more come, those go without: storing what
#: is paid must not fall behind.
_TURNS = threading.Semaphore(4)

#: A paid video waits for its picture no longer.
PICTURE_S = 15.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of a video."""

    poster: bool = False
    #: The limits of its figures; None to judge nothing.
    limits: Mapping[str, Limit] | None = None
    #: The picture that it is to begin with; None if that is not to be had.
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class Inspected:
    """What was made of a video."""

    #: A small JPEG.
    poster: bytes | None = None
    quality: Quality | None = None
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """The verdict and all figures, for the provenance."""
        figures = {name: round(each.value, 3) for name, each in self.figures.items()}
        return {**(self.quality or Quality()).to_document(), "figures": figures}


@asynccontextmanager
async def wanted(engine: Engine, record: JobRecord) -> AsyncIterator[Wanted]:
    """What the settings want of a video; the picture is there meanwhile."""
    settings = engine.settings
    poster = settings.posters == "auto" and decoder.available()
    if settings.quality == "off" or not decoder.available():
        yield Wanted(poster)
        return
    with partial_file(settings.home) as path:
        picture = path if await _fetch_picture(engine, record, path) else None
        yield Wanted(poster, limits_of(settings.quality_limits), picture)


async def _fetch_picture(engine: Engine, record: JobRecord, path: Path) -> bool:
    """Fetch the picture that the video is to begin with, if there is one."""
    image = str(record.job.inputs.get("image") or "")
    url = record.links.get(image, image)
    if not url:
        return False
    try:
        async with asyncio.timeout(PICTURE_S):
            await engine.files.fetch_picture(url, path)
    except (DownloadError, NoRoomError, TimeoutError) as error:
        reason = str(error) or f"it takes longer than {PICTURE_S:g} s"
        log.info("the picture of job %s is not compared: %s", record.job.id, reason)
        return False
    return True


def inspect(job: Job, video: Path, wanted: Wanted) -> Inspected:
    """What is wanted of a video, as far as it can be had."""
    is_inspected = wanted.limits is not None and _TURNS.acquire(blocking=False)
    try:
        if not is_inspected:
            return Inspected(decoder.poster(video)) if wanted.poster else Inspected()
        return _judged(job, decoder.inspect(video), wanted)
    except DecodeError as error:
        log.warning("the video of job %s is not inspected: %s", job.id, error)
        return Inspected()
    finally:
        if is_inspected:
            _TURNS.release()


def _judged(job: Job, seen: decoder.Inspection, wanted: Wanted) -> Inspected:
    figures = {
        **seen.figures,
        **against_request(seen.first, job),
        **_against_picture(seen.first, job, wanted.picture),
    }
    poster = seen.poster if wanted.poster else None
    return Inspected(poster, judge(figures, wanted.limits or {}), figures)


def against_request(seen: FirstFrame, job: Job) -> dict[str, Figure]:
    """Figures on how a clip differs from what was ordered."""
    figures = {}
    if seen.frames_per_s:
        figures["frame_rate"] = Figure(seen.frames_per_s)
    if job.duration_s and seen.length_s:
        figures["duration"] = Figure(abs(seen.length_s - job.duration_s))
    width, _, height = str(job.inputs.get("aspect_ratio", "")).partition(":")
    if width.isdigit() and height.isdigit() and int(width) and int(height):
        figures["aspect"] = Figure(abs(seen.aspect * int(height) / int(width) - 1))
    if job.inputs.get("sound") is True:
        figures["sound"] = Figure(float(not seen.sounds))
    return figures


def _against_picture(
    seen: FirstFrame, job: Job, picture: Path | None
) -> dict[str, Figure]:
    if picture is None:
        return {}
    try:
        (still,) = decoder.shrunk(picture, [seen.aspect])
    except DecodeError as error:
        log.info("the picture of job %s is not compared: %s", job.id, error)
        return {}
    return {"first_frame": Figure(distance(seen.pixels, still))}
