"""Checks pictures before anything is paid: are they there, and do the models take them?

`check.check_images` checks, `ImageCache` holds what was found, and `problems_of` and
`contents_of` tell it job by job. `check` is imported where it is needed, because its
libraries take 0.15 s.
"""

from collections.abc import Iterator

from jobs.catalogue.model import Model
from jobs.catalogue.pictures import validate_image
from jobs.job import Job
from jobs.manifest.rows import Notice, Problem
from jobs.text import masked, shown
from producer.image_checks.cache import ImageCache
from producer.image_checks.files import open_image
from producer.image_checks.results import ImageCheckError

__all__ = [
    "ImageCache",
    "ImageCheckError",
    "contents_of",
    "notices_of",
    "open_image",
    "problems_of",
]


def _images_of(job: Job, model: Model) -> Iterator[tuple[str, str]]:
    """The inputs that hold pictures, and the addresses in them as written."""
    for name, value in job.inputs.items():
        if model.is_picture(name):
            for address in [value] if isinstance(value, str) else value:
                yield name, address


def problems_of(job: Job, model: Model, cache: ImageCache, file: str) -> list[Problem]:
    """What keeps the pictures of a job from being used; empty if nothing does.

    Args:
        job: whose pictures were checked; others are no problem.
        model: its model.
        cache: what was found.
        file: the manifest, as the user named it.
    """
    problems: list[Problem] = []
    for name, address in dict.fromkeys(_images_of(job, model)):
        found = cache.find(address)
        if found is None:
            continue
        issues = [(found.kind, found.message, found.suggestion)]
        if found.info is not None:
            issues = [
                (issue.kind, issue.message, issue.suggestion)
                for issue in validate_image(found.info, model.pictures, shown(address))
            ]
        problems += [
            Problem(file, job.line, name, masked(address), message, suggestion, kind)
            for kind, message, suggestion in issues
        ]
    return problems


#: What a person should know of a picture that can be used: what, and what to do.
_NOTICES = {
    "browsers-only": (
        "pictures are sent to browsers only, and perhaps not to the provider",
        "let that host send them to everybody",
    ),
    "rotated": (
        "pictures lie on their side until EXIF turns them, and the model may not do so",
        "--convert turns them before they are sent",
    ),
    "cmyk": (
        "pictures are CMYK, made for print, and the model may see other colours",
        "--convert makes RGB of them before they are sent",
    ),
}


def notices_of(job: Job, model: Model, cache: ImageCache, file: str) -> list[Notice]:
    """What a person should know of the pictures of a job."""
    return [
        Notice(kind, *_NOTICES[kind], file, job.line, name, masked(address))
        for name, address in dict.fromkeys(_images_of(job, model))
        if (found := cache.find(address)) and found.info
        for kind in (found.kind, found.info.trait)
        if kind
    ]


def contents_of(job: Job, model: Model, cache: ImageCache) -> dict[str, str]:
    """Hex SHA-256 of the content of each picture of a job, by address as written.

    Only of pictures that were read whole.
    """
    contents: dict[str, str] = {}
    for _, address in _images_of(job, model):
        found = cache.find(address)
        if found is not None and found.info is not None and found.info.sha256:
            contents[address] = found.info.sha256
    return contents
