"""What a job asks for, as two short digests: jobs with the same one share a video.

It decides when two rows are the same: model, inputs as they would be sent, and the
content of the pictures, for signed addresses change every night and content does not.
Who makes the video, and who takes it over, is decided in `ledger.dedup`.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobs.catalogue import Catalogue
from jobs.catalogue.model import Model, RequestForm
from jobs.job import Job

_DIGEST_BYTES = 16

#: Made once: `json.dumps` would make one for each job.
_JSON = json.JSONEncoder(sort_keys=True)


class Fingerprint(NamedTuple):
    """What a job asks for.

    Two are the same if their contents are; where the content of a picture is not known
    to one of them, if they are written the same.
    """

    #: Digest of the request with the contents of its pictures; empty if one of them
    #: was not looked at.
    content: str
    #: Digest of the request as it is written.
    written: str


class FingerprintedJob(NamedTuple):
    """A job with what it asks for."""

    job: Job
    ask: Fingerprint


#: Of a job that shares its video with no other.
NO_FINGERPRINT = Fingerprint("", "")


class Fingerprinter:
    """Tells what the jobs of one manifest ask for.

    Rows of one manifest that ask for the same are meant: whoever writes two wants two
    takes. So the second is the same only as the second of another manifest.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._forms: dict[tuple[str, RequestForm | None], _Form] = {}
        self._seen: Counter[str] = Counter()

    def of(self, job: Job) -> Fingerprint:
        """What the next job of the manifest asks for."""
        form = self._forms.get((job.model, job.form))
        if form is None:
            form = _Form.of(job.find_model(self._catalogue))
            self._forms[job.model, job.form] = form
        # An input that is left out is the same as its default: the provider takes that.
        request = form.defaults | form.model.request(job.inputs)
        written = form.digest(request)
        content = ""
        if all(address in job.contents for address in pictures_of(form.model, job)):
            content = form.digest(form.by_content(request, job.contents))
        return Fingerprint(content and self._numbered(content), self._numbered(written))

    def _numbered(self, digest: str) -> str:
        self._seen[digest] += 1
        nth = self._seen[digest]
        return digest if nth == 1 else f"{digest}.{nth}"


def pictures_of(model: Model, job: Job) -> list[str]:
    """The addresses of a job's pictures, as they are written."""
    found: list[str] = []
    for name, value in job.inputs.items():
        if model.is_picture(name):
            found += [value] if isinstance(value, str) else value
    return found


def _named(value: Any, contents: Mapping[str, str]) -> Any:
    """Pictures by their content where it is known, which no address can look like."""
    if isinstance(value, str):
        content = contents.get(value)
        return {"sha256": content} if content else value
    return [_named(item, contents) for item in value]


@dataclass(frozen=True, slots=True)
class _Form:
    """What requests of a model are made of."""

    model: Model
    #: By the names that requests have.
    defaults: dict[str, Any]
    #: Those of the inputs that hold pictures.
    pictures: tuple[str, ...]

    @classmethod
    def of(cls, model: Model) -> "_Form":
        specs = [(spec.field or name, spec) for name, spec in model.inputs.items()]
        defaults = {n: spec.default for n, spec in specs if spec.default is not None}
        return cls(model, defaults, tuple(n for n, spec in specs if spec.is_picture))

    def by_content(
        self, request: dict[str, Any], contents: Mapping[str, str]
    ) -> dict[str, Any]:
        """A request with its pictures by their content."""
        given = [name for name in self.pictures if name in request]
        return request | {name: _named(request[name], contents) for name in given}

    def digest(self, request: dict[str, Any]) -> str:
        """A request in 22 characters."""
        asked = _JSON.encode({"model": self.model.id, "inputs": request})
        digest = hashlib.sha256(asked.encode("utf-8", "surrogatepass")).digest()
        return urlsafe_b64encode(digest[:_DIGEST_BYTES]).decode().rstrip("=")
