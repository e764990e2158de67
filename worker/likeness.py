"""Comparing the first frames of candidates with the pictures of lost attempts.

Everything here costs time but no money. Whatever cannot be fetched, held or decoded is
simply not compared; then nothing is adopted by it. One file at a time is on the disk,
and what was made of it in memory has three kilobytes.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from jobs.attempt.reconciling import Lost
from jobs.provider.answers import Completed, Listed
from jobs.transitions import Ref
from worker import frames
from worker.decoder import Decoder
from worker.downloads import DownloadError, NoRoomError, partial_file
from worker.engine import Engine
from worker.frames import DecodeError, FirstFrame

log = logging.getLogger("reelmill.likeness")

#: A video may be so many seconds longer or shorter than what was asked for.
SLACK_S = 1.0

#: How far a video of another length is.
FARTHEST = 255.0

#: Where more files than this would have to be fetched, a person compares.
MOST_FILES = 400

#: What keeps a file from being compared.
TROUBLE = (DownloadError, NoRoomError, DecodeError, OSError)


async def likeness(
    engine: Engine, pairs: Sequence[tuple[Lost, Listed]]
) -> dict[tuple[Ref, str], float]:
    """How far first frames are from pictures, for the pairs that can be compared."""
    comparable = [(lost, listed) for lost, listed in pairs if _picture(lost)]
    ids = {listed.prediction_id for _, listed in comparable}
    urls = {_picture(lost) for lost, _ in comparable}
    if not ids or len(ids) + len(urls) > MOST_FILES or not frames.available():
        return {}
    # One of its own: it keeps no poster waiting, and none of it stays.
    decoder = Decoder()
    try:
        clips = {each: await _first_frame(engine, decoder, each) for each in ids}
        stills = await _stills(engine, decoder, comparable, clips)
    finally:
        await engine.call(decoder.close)
    return await engine.call(_distances, comparable, clips, stills)


def _distances(
    pairs: Sequence[tuple[Lost, Listed]],
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


def _picture(lost: Lost) -> str:
    """The picture that the clip starts at; several are references, not a start."""
    return str(lost.request.get("image", ""))


def _distance(lost: Lost, clip: FirstFrame, still: bytes) -> float | None:
    duration_s = lost.request.get("duration")
    if isinstance(duration_s, int):
        if clip.length_s is None:
            return None
        if abs(clip.length_s - duration_s) > SLACK_S:
            return FARTHEST
    return frames.distance(clip.pixels, still)


async def _first_frame(
    engine: Engine, decoder: Decoder, prediction_id: str
) -> FirstFrame | None:
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
    decoder: Decoder,
    pairs: Sequence[tuple[Lost, Listed]],
    clips: Mapping[str, FirstFrame | None],
) -> dict[tuple[str, float], bytes]:
    """The pictures of these pairs, in the ratios of the clips beside them."""
    aspects: dict[str, set[float]] = defaultdict(set)
    for lost, listed in pairs:
        if clip := clips[listed.prediction_id]:
            aspects[_picture(lost)].add(clip.aspect)
    found: dict[tuple[str, float], bytes] = {}
    for url, wanted in aspects.items():
        found |= await _shrunk(engine, decoder, url, wanted)
    return found


async def _shrunk(
    engine: Engine, decoder: Decoder, url: str, aspects: Iterable[float]
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
