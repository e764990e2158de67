"""One more look at the pictures of a prediction that could not reach them."""

import tempfile
from dataclasses import replace
from pathlib import Path

from jobs.answers import LookAnswer, Over
from jobs.failures import PICTURE_CODE
from jobs.records import JobRecord
from worker.engine import Engine
from worker.files import NotFetched


async def look_once_more(
    engine: Engine, record: JobRecord, answer: LookAnswer
) -> LookAnswer:
    """The same answer, or that a picture which was out of reach is there after all."""
    if not isinstance(answer, Over) or answer.code != PICTURE_CODE:
        return answer
    with tempfile.TemporaryDirectory(prefix="reelmill-") as folder:
        for url in _addresses(engine, record):
            try:
                await engine.files.fetch_picture(url, Path(folder) / "picture")
            except NotFetched:
                return answer
    return replace(answer, cured=True)


def _addresses(engine: Engine, record: JobRecord) -> list[str]:
    model = engine.catalogue.find(record.job.model)
    found: list[str] = []
    for name, value in record.job.inputs.items():
        if model.inputs[name].is_picture:
            found += [value] if isinstance(value, str) else value
    return found
