"""Charges in the provider's billing that the ledger does not explain, as plain values.

`worker.charges` finds them and `ledger.charges` counts them; how a person is told of
them is decided here, once for every command.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from jobs.money import usd

#: Charges that are named one by one; the rest is only counted.
MOST_NAMED = 10


class Kind(StrEnum):
    """What a charge is that is not explained."""

    PAID_TWICE = "paid-twice"  #: its inputs are those of a row that has another
    DEARER = "dearer"  #: it is a row's, and higher than what is booked for it
    UNKNOWN = "unknown"  #: no row's, as far as its inputs are shown


#: What a person is told of each kind, after the count and the amount.
WORDS = {
    Kind.PAID_TWICE: "for requests that a row here has paid for already",
    Kind.DEARER: "more than was quoted and booked for rows here",
    Kind.UNKNOWN: "that no row here explains: another client of this account, or a row "
    "paid twice whose inputs the provider does not show",
}


@dataclass(frozen=True, slots=True)
class Charge:
    """One charge that is not explained."""

    kind: Kind
    prediction_id: str
    model: str
    #: Of one that is dearer, only what is above what is booked.
    usd_micros: int
    #: Unix seconds, by the provider's clock.
    at_s: float
    #: The row, as `batch/job`, that it is of or repeats; empty where none is known.
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Charges:
    """What was found of an account since a person last said that it is known."""

    counts: Mapping[Kind, int] = field(default_factory=dict)
    usd_micros: Mapping[Kind, int] = field(default_factory=dict)
    #: Unix seconds of the first of them, by the provider's clock.
    since_s: float | None = None
    #: The newest of them, the last first.
    newest: tuple[Charge, ...] = ()

    def sentences(self) -> Iterator[tuple[Kind, str]]:
        """What a person is told: a sentence for each kind, with the next command."""
        # By the ledger's clock it may have been a little earlier.
        since = datetime.fromtimestamp((self.since_s or 60.0) - 60.0, UTC).date()
        command = f"reelmill report --since {since} --billed"
        for kind, count in self.counts.items():
            charges = "1 charge" if count == 1 else f"{count} charges"
            rows = [each.ref for each in self.newest if each.kind is kind and each.ref]
            newest = f" (the newest: {rows[0]})" if rows else ""
            words = (
                f"{charges}, ${usd(self.usd_micros.get(kind, 0))}, "
                f"{WORDS[kind]}{newest}; {command} names them, and with --dismiss "
                "takes them for known"
            )
            yield kind, words
