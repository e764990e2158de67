"""The invoice that a kept report has, for a report that is written anew.

It passes on what the provider said of the same charges before, with the time when it
was asked; of charges that changed since then it passes on nothing. It asks nobody but
the store: who asks the provider is `reporting`.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, StringConstraints, ValidationError

from jobs.money import usd
from jobs.records import BatchRecord
from jobs.report.kept import ReportFileError, head_of
from jobs.storage import Store, StoreError


def _is_moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


_Usd = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+\.[0-9]{2,6}$")]
_Moment = Annotated[str, AfterValidator(_is_moment)]


class _Billed(BaseModel):
    billed_usd: _Usd
    billed_refunded_usd: _Usd
    billed_net_usd: _Usd


class _Line(_Billed):
    model: str
    duration_s: int | None
    options: str


class _Difference(BaseModel):
    id: str
    attempt: int
    prediction_id: str
    what: str
    booked_usd: _Usd
    billed_usd: _Usd


class _Unexplained(BaseModel):
    prediction_id: str
    model: str
    billed_usd: _Usd
    at: _Moment


class _Invoice(_Billed):
    asked_at: _Moment
    by_model: list[_Line]
    differences: list[_Difference]
    unexplained: list[_Unexplained]


class _Cost(BaseModel):
    charged_usd: str
    refunded_usd: str


class _Report(BaseModel):
    cost: _Cost
    invoice: _Invoice


def kept_invoice(batch: BatchRecord) -> dict[str, Any] | None:
    """The invoice of a batch as it was when the provider was last asked for it.

    None if there is none, if it cannot be read, or if something was charged or refunded
    since then.
    """
    try:
        with Store(batch.store).fetched(f"{batch.id}/report.json") as file:
            kept = _Report.model_validate(head_of(file or (), batch.id))
    except (ReportFileError, StoreError, ValidationError):
        return None
    booked = usd(batch.charged_usd_micros), usd(batch.refunded_usd_micros)
    same = (kept.cost.charged_usd, kept.cost.refunded_usd) == booked
    return kept.invoice.model_dump() if same else None
