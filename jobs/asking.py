"""What a job asks for, as two short digests: jobs with the same one share a video.

It decides when two rows are the same: model, inputs as they would be sent, and the
content of the pictures, for signed addresses change every night and content does not.
Who makes the video, and who takes it over, is decided in `ledger.twins`.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any, NamedTuple

from jobs.catalogue import Catalogue
from jobs.job import Job
from jobs.model import Model
from jobs.seen import Seen

_DIGEST_BYTES = 16


class Ask(NamedTuple):
    """What a job asks for.

    Two are the same if their contents are; where the content of a picture is not known
    to one of them, if they are written the same.
    """

    #: Digest of the request with the contents of its pictures; empty if one of them
    #: was not looked at.
    content: str
    #: Digest of the request as it is written.
    written: str


class Asked(NamedTuple):
    """A job with what it asks for."""

    job: Job
    ask: Ask


#: Of a job that shares its video with no other.
NO_ASK = Ask("", "")


class Asks:
    """Tells what the jobs of one manifest ask for.

    Rows of one manifest that ask for the same are meant: whoever writes two wants two
    takes. So the second is the same only as the second of another manifest.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._seen = Seen()

    def of(self, job: Job) -> Ask:
        """What the next job of the manifest asks for."""
        model = self._catalogue.find(job.model)
        known = all(address in job.contents for address in pictures_of(model, job))
        content = _digest(model, job, job.contents) if known else ""
        return Ask(
            content and self._numbered(content),
            self._numbered(_digest(model, job, {})),
        )

    def _numbered(self, digest: str) -> str:
        nth = self._seen.count(digest)
        return digest if nth == 1 else f"{digest}.{nth}"


def pictures_of(model: Model, job: Job) -> list[str]:
    """The addresses of a job's pictures, as they are written."""
    found: list[str] = []
    for name, value in job.inputs.items():
        if model.inputs[name].is_picture:
            found += [value] if isinstance(value, str) else value
    return found


def _digest(model: Model, job: Job, contents: Mapping[str, str]) -> str:
    # An input that is left out is the same as its default: the provider takes that.
    defaults = {n: i.default for n, i in model.inputs.items() if i.default is not None}
    request = defaults | model.request(job.inputs)
    for name in request:
        if model.inputs[name].is_picture:
            request[name] = _named(request[name], contents)
    asked = json.dumps({"model": model.id, "inputs": request}, sort_keys=True)
    digest = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).digest()
    return urlsafe_b64encode(digest[:_DIGEST_BYTES]).decode().rstrip("=")


def _named(value: Any, contents: Mapping[str, str]) -> Any:  # noqa: ANN401 - one address or several
    """Pictures by their content where it is known, which no address can look like."""
    if isinstance(value, str):
        content = contents.get(value)
        return {"sha256": content} if content else value
    return [_named(item, contents) for item in value]
