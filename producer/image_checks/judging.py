"""What was seen of a job's pictures, told as problems and as contents.

It asks the memory and nobody else: what was not looked at is no problem here.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO

from jobs.catalogue.addresses import is_object
from jobs.catalogue.model import Model
from jobs.catalogue.pictures import validate_image
from jobs.job import Job
from jobs.manifest.rows import Problem
from jobs.text import masked, shown
from producer.image_checks import local
from producer.image_checks.memory import ImageCache


def pictures_of(job: Job, model: Model) -> Iterator[tuple[str, str]]:
    """The inputs that hold pictures, and the addresses in them as written."""
    for name, value in job.inputs.items():
        if name in model.inputs and model.inputs[name].is_picture:
            for address in [value] if isinstance(value, str) else value:
                yield name, address


def problems_of(job: Job, model: Model, memory: ImageCache, file: str) -> list[Problem]:
    """What keeps the pictures of a job from being used; empty if nothing does.

    Args:
        job: whose pictures were looked at.
        model: its model.
        memory: what was seen.
        file: the manifest, as the person named it.
    """
    problems: list[Problem] = []
    for name, address in dict.fromkeys(pictures_of(job, model)):
        found = memory.find(address)
        if found is None:
            continue
        troubles = (
            [(found.trouble or "", found.message, found.suggestion)]
            if found.look is None
            else [
                (flaw.kind, flaw.message, flaw.suggestion)
                for flaw in validate_image(found.look, model.pictures, shown(address))
            ]
        )
        problems += [
            Problem(file, job.line, name, masked(address), message, suggestion, kind)
            for kind, message, suggestion in troubles
        ]
    return problems


def contents_of(job: Job, model: Model, memory: ImageCache) -> dict[str, str]:
    """Hex SHA-256 of the content of each picture of a job, by address as written.

    Only of pictures that were read whole.
    """
    contents: dict[str, str] = {}
    for _, address in pictures_of(job, model):
        found = memory.find(address)
        if found is not None and found.look is not None and found.look.sha256:
            contents[address] = found.look.sha256
    return contents


def opened(address: str) -> AbstractContextManager[BinaryIO]:
    """A local or object picture, to be read once from its beginning.

    Raises:
        NotSeen: as the context is entered: it is not there or may not be read.
    """
    if is_object(address):
        from producer.image_checks import objects  # noqa: PLC0415 - few need obstore

        return objects.opened(address)
    return local.opened(address)
