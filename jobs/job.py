"""A job: a row that passed validation, ready to be priced, queued and paid for.

It holds what a person asked for and nothing that happens later; what happens later
stands in `records`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.catalogue import Catalogue, Model
from jobs.catalogue.model import RequestForm

#: How the key of every video ends.
ENDING = ".mp4"
#: Of the poster beside a video. Not `.jpg` alone: pictures of products are called so,
#: and who makes rows of a folder must know posters from them.
POSTER_ENDING = ".poster.jpg"

#: Made once: `json.dumps` would make one for each job.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Job:
    """One video that a person asked for."""

    #: Unique in its batch; safe in a file name and a Redis key.
    id: str
    #: Line of the manifest where its row begins, from 1.
    line: int
    #: Full model id, as the catalogue has it.
    model: str
    #: The model's inputs by name, checked and typed. Defaults are filled in only where
    #: there is a form.
    inputs: Mapping[str, Any]
    #: Price of one attempt: the provider's own quote, or by our price list where there
    #: is none; None where neither is known. It is reserved, charged and released by it.
    price_usd_micros: int | None
    #: Store key of the video, relative to the store.
    key: str
    #: The row's own columns, which no model knows; carried into the report.
    data: Mapping[str, str] = field(default_factory=dict)
    #: Seconds of video that are billed; None where the model does not say.
    duration_s: int | None = None
    #: Hex SHA-256 of each picture's content, by its address as written; only of those
    #: that were looked at. A local picture always has one: it is uploaded by it.
    contents: Mapping[str, str] = field(default_factory=dict)
    #: Whether its price is the provider's quote.
    quoted: bool = False
    #: How its request is written, of a model from the provider's list of that day; None
    #: of a model that comes with reelmill.
    form: RequestForm | None = None

    def model_in(self, catalogue: Catalogue) -> Model | None:
        """What sends it; None if the catalogue does not know its model."""
        return catalogue.of_job(self.model, self.form)

    def find_model(self, catalogue: Catalogue) -> Model:
        """What sends it.

        Raises:
            UnknownModelError: the catalogue does not know its model.
        """
        return self.model_in(catalogue) or catalogue.find(self.model)

    @property
    def kind(self) -> tuple[str, int]:
        """Model and seconds of video: those of one kind take about as long."""
        return self.model, self.duration_s or 0

    @property
    def image(self) -> str:
        """The picture it begins with, for a report; the first one of several."""
        several = self.inputs.get("images")
        return str(several[0] if several else self.inputs.get("image", ""))

    def digest(self) -> str:
        """Hex SHA-256 of what would be sent: equal jobs ask for the same video."""
        request = {"model": self.model, "inputs": dict(self.inputs)}
        text = json.dumps(request, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> str:
        """The job as one line of JSON, for the ledger."""
        told = {
            "id": self.id,
            "line": self.line,
            "model": self.model,
            "inputs": dict(self.inputs),
            "price": self.price_usd_micros,
            "key": self.key,
            "data": dict(self.data),
            "duration_s": self.duration_s,
        }
        if self.contents:
            told["contents"] = dict(self.contents)
        if self.quoted:
            told["quoted"] = True
        if self.form:
            told["form"] = [self.form.pictures, dict(self.form.fields)]
        return _JSON.encode(told)

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """The job that `to_json` wrote."""
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> "Job":
        """The job of what `to_json` told."""
        return cls(
            id=raw["id"],
            line=raw["line"],
            model=raw["model"],
            inputs=raw["inputs"],
            price_usd_micros=raw["price"],
            key=raw["key"],
            data=raw["data"],
            duration_s=raw["duration_s"],
            contents=raw.get("contents", {}),
            quoted=raw.get("quoted", False),
            form=_form(raw["form"]) if "form" in raw else None,
        )


def _form(raw: tuple[list[str], dict[str, str]]) -> RequestForm:
    pictures, fields = raw
    return RequestForm(tuple(pictures), tuple(fields.items()))
