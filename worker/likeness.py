"""Comparing the first frames of candidates with the pictures of lost attempts.

Everything here costs time but no money, and whatever cannot be fetched or decoded is
simply not compared; then nothing is adopted by it.
"""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jobs.answers import Completed, Listed
from jobs.attempt.settling import Lost
from jobs.moves import Ref
from worker import frames
from worker.engine import Engine
from worker.files import NotFetched
from worker.frames import NotComparable

log = logging.getLogger("reelmill.likeness")

#: A video may be so many seconds longer or shorter than what was asked for.
SLACK_S = 1.0

#: How far a video of another length is.
FARTHEST = 255.0

#: Comparing more pairs than this is left to a person.
MOST_PAIRS = 400


async def likeness(
    engine: Engine, pairs: Sequence[tuple[Lost, Listed]]
) -> dict[tuple[Ref, str], float]:
    """How far first frames are from pictures, for the pairs that can be compared."""
    comparable = [(lost, listed) for lost, listed in pairs if _picture(lost)]
    if not comparable or len(comparable) > MOST_PAIRS or not frames.available():
        return {}
    with tempfile.TemporaryDirectory(prefix="reelmill-") as folder:
        videos = await _videos(engine, comparable, Path(folder))
        pictures = await _pictures(engine, comparable, Path(folder))
        found = {}
        for lost, listed in comparable:
            video = videos.get(listed.prediction_id)
            picture = pictures.get(_picture(lost))
            if video and picture:
                far = await _distance(engine, lost, video, picture)
                if far is not None:
                    found[lost.ref, listed.prediction_id] = far
        return found


def _picture(lost: Lost) -> str:
    """The picture that the clip starts at; several are references, not a start."""
    return str(lost.request.get("image", ""))


async def _videos(
    engine: Engine, pairs: Sequence[tuple[Lost, Listed]], folder: Path
) -> dict[str, Path]:
    found = {}
    for prediction_id in {listed.prediction_id for _, listed in pairs}:
        path = folder / f"{prediction_id}.mp4"
        answer = await engine.provider.look(prediction_id)
        for output in answer.outputs if isinstance(answer, Completed) else ():
            try:
                await engine.files.fetch(output, path)
            except NotFetched as error:
                words = "prediction %s cannot be compared: %s"
                log.warning(words, prediction_id, error)
            else:
                found[prediction_id] = path
                break
    return found


async def _pictures(
    engine: Engine, pairs: Sequence[tuple[Lost, Listed]], folder: Path
) -> dict[str, Path]:
    found = {}
    urls = {_picture(lost) for lost, _ in pairs}
    for number, url in enumerate(sorted(urls)):
        path = folder / f"picture-{number}"
        try:
            await engine.files.fetch_picture(url, path)
        except NotFetched as error:
            log.warning("picture %s cannot be compared: %s", url, error)
        else:
            found[url] = path
    return found


async def _distance(
    engine: Engine, lost: Lost, video: Path, picture: Path
) -> float | None:
    duration_s = lost.request.get("duration")
    try:
        if isinstance(duration_s, int):
            length_s = await engine.call(frames.length_s, video)
            if abs(length_s - duration_s) > SLACK_S:
                return FARTHEST
        return await engine.call(frames.distance, video, picture)
    except NotComparable as error:
        log.warning("not compared: %s", error)
        return None
