"""Comparing the first frames of candidates with the pictures of lost attempts.

Everything here costs time but no money. Whatever cannot be fetched, held or decoded is
simply not compared; then nothing is adopted by it. One file at a time is on the disk,
and what was made of it in memory has three kilobytes.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import sub

from jobs.attempt.reconciling import LostSubmission
from jobs.provider.answers import Completed, Listed
from jobs.transitions import Ref
from worker import decoder
from worker.decoder import SIDE_PX, DecodeError, FirstFrame
from worker.downloads import DownloadError, NoRoomError, partial_file
from worker.engine import Engine

log = logging.getLogger("reelmill.reconcile")

#: A video may be so many seconds longer or shorter than what was asked for.
SLACK_S = 1.0

#: How far a video of another length is.
FARTHEST = 255.0

#: Pictures are compared whole and in tiles of so many pixels a side: a small product
#: before white fills only a few, and in the mean over all it would look like any other.
TILE_PX = 4

#: How much more the worst tile may differ than the whole: a frame is never quite its
#: picture at an edge.
TILE_SHARE = 0.5

#: Where more files than this would have to be fetched, a person compares.
MAX_FILES = 400

#: What keeps a file from being compared.
TROUBLE = (DownloadError, NoRoomError, DecodeError, OSError)


async def likeness(
    engine: Engine, pairs: Sequence[tuple[LostSubmission, Listed]]
) -> dict[tuple[Ref, str], float]:
    """How far first frames are from pictures, for the pairs that can be compared."""
    comparable = [(lost, listed) for lost, listed in pairs if _picture(lost)]
    ids = {listed.prediction_id for _, listed in comparable}
    urls = {_picture(lost) for lost, _ in comparable}
    if not ids or len(ids) + len(urls) > MAX_FILES or not decoder.available():
        return {}
    clips = {each: await _first_frame(engine, each) for each in ids}
    stills = await _stills(engine, comparable, clips)
    return await engine.call(_distances, comparable, clips, stills)


def distance(one: bytes, other: bytes) -> float:
    """How far the pixels of two pictures are apart, 0 (the same) to 255.

    The mean difference of the whole or half that of the worst tile, whichever is more.
    """
    differences: list[int] = list(map(abs, map(sub, one, other)))
    whole = sum(differences) / len(differences)
    return max(whole, TILE_SHARE * max(_tiles(differences)))


def _tiles(differences: Sequence[int]) -> Iterator[float]:
    """Mean difference of each tile; three values a pixel, row by row."""
    width, across = 3 * TILE_PX, SIDE_PX // TILE_PX
    places = range(0, len(differences), width)
    lines = [sum(differences[place : place + width]) for place in places]
    for first in range(0, len(lines), across * TILE_PX):
        for place in range(first, first + across):
            tile = lines[place : first + across * TILE_PX : across]
            yield sum(tile) / (width * TILE_PX)


def _distances(
    pairs: Sequence[tuple[LostSubmission, Listed]],
    clips: Mapping[str, FirstFrame | None],
    stills: Mapping[tuple[str, float], bytes],
) -> dict[tuple[Ref, str], float]:
    """How far first frames are from pictures, where both could be had."""
    found = {}
    for lost, listed in pairs:
        clip = clips[listed.prediction_id]
        still = clip and stills.get((_picture(lost), clip.aspect))
        if clip and still:
            far = _distance(lost, clip, still)
            if far is not None:
                found[lost.ref, listed.prediction_id] = far
    return found


def _picture(lost: LostSubmission) -> str:
    """The picture that the clip starts at; several are references, not a start."""
    return str(lost.request.get("image", ""))


def _distance(lost: LostSubmission, clip: FirstFrame, still: bytes) -> float | None:
    duration_s = lost.request.get("duration")
    if isinstance(duration_s, int):
        if clip.length_s is None:
            return None
        if abs(clip.length_s - duration_s) > SLACK_S:
            return FARTHEST
    return distance(clip.pixels, still)


async def _first_frame(engine: Engine, prediction_id: str) -> FirstFrame | None:
    """What the video of a prediction begins with; None if that cannot be told."""
    answer = await engine.provider.poll(prediction_id)
    if not isinstance(answer, Completed):
        return None
    try:
        with partial_file(engine.settings.home) as path:
            await engine.files.fetch(answer.outputs, path)
            return await engine.call(decoder.first_frame, path)
    except TROUBLE as error:
        log.warning("prediction %s cannot be compared: %s", prediction_id, error)
        return None


async def _stills(
    engine: Engine,
    pairs: Sequence[tuple[LostSubmission, Listed]],
    clips: Mapping[str, FirstFrame | None],
) -> dict[tuple[str, float], bytes]:
    """The pictures of these pairs, in the ratios of the clips beside them."""
    aspects: dict[str, set[float]] = defaultdict(set)
    for lost, listed in pairs:
        if clip := clips[listed.prediction_id]:
            aspects[_picture(lost)].add(clip.aspect)
    found: dict[tuple[str, float], bytes] = {}
    for url, wanted in aspects.items():
        found |= await _shrunk(engine, url, wanted)
    return found


async def _shrunk(
    engine: Engine, url: str, aspects: Iterable[float]
) -> dict[tuple[str, float], bytes]:
    """A picture in each of these ratios; none if it cannot be had."""
    wanted = sorted(aspects)
    try:
        with partial_file(engine.settings.home) as path:
            await engine.files.fetch_picture(url, path)
            made = await engine.call(decoder.shrunk, path, wanted)
    except TROUBLE as error:
        log.warning("picture %s cannot be compared: %s", url, error)
        return {}
    return {(url, aspect): still for aspect, still in zip(wanted, made, strict=True)}
