"""The pictures of jobs: links for those of this machine, and a look at what failed.

Links are found in the ledger; `uploads` makes them, long before. Whether a picture can
be reached is asked once more only when the provider could not reach it.
"""

from collections.abc import Mapping
from dataclasses import replace

from jobs.attempt.failures import PICTURE_CODE
from jobs.attempt.fingerprint import pictures_of
from jobs.attempt.links import links_for, to_upload
from jobs.provider.answers import Over, PollAgain, PollAnswer
from jobs.records import JobRecord
from jobs.transitions import Ref
from worker.downloads import DownloadError, NoRoomError, partial_file
from worker.engine import Engine


def links_of(
    engine: Engine, records: Mapping[Ref, JobRecord], now_s: float
) -> dict[Ref, dict[str, str] | None]:
    """The links that each job needs, by address; None where one is not to be had.

    For who is in a thread already.
    """
    find = engine.catalogue.find
    needed = {
        ref: to_upload(record.job, find(record.job.model))
        for ref, record in records.items()
    }
    contents = {content for each in needed.values() for content in each.values()}
    kept = (
        engine.ledger.links.find(engine.account, sorted(contents)) if contents else {}
    )
    return {ref: links_for(each, kept, now_s) for ref, each in needed.items()}


async def check_picture_again(
    engine: Engine, record: JobRecord, answer: PollAnswer
) -> PollAnswer:
    """The same answer, or that a picture which was out of reach is there after all."""
    if not isinstance(answer, Over) or answer.code != PICTURE_CODE:
        return answer
    model = engine.catalogue.models.get(record.job.model)
    if model is None:  # it was sent by a worker of another version
        return answer
    for address in pictures_of(model, record.job):
        try:
            with partial_file(engine.settings.home) as path:
                url = record.links.get(address, address)
                await engine.files.fetch_picture(url, path)
        except NoRoomError as error:
            # Whether it is there cannot be told here; a later poll may.
            return PollAgain(str(error))
        except DownloadError:
            await _forget_upload(engine, record, address)
            return answer
    return replace(answer, cured=True)


async def _forget_upload(engine: Engine, record: JobRecord, address: str) -> None:
    """An upload that neither the provider nor we can reach is made anew next time."""
    if address in record.links:
        content = record.job.contents.get(address, "")
        await engine.call(engine.ledger.links.forget, engine.account, [content])
