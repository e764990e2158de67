"""What the provider billed that no row explains: counted, and how far it was compared.

Each part of the billing is compared once: whoever notes what it found names the moment
up to which it was compared before, and is refused if another was quicker.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from jobs.ledger import keys
from jobs.ledger.server import Part
from jobs.money import usd
from jobs.provider.answers import Billed

#: Charges that are named one by one; the rest is only counted.
MAX_NAMED = 10


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


DAY_S = 86_400.0


class UnexplainedCharges(Part):
    """Charges that are not explained, by account."""

    def sent_lately(self, account_id: str) -> bool:
        """Whether a prediction of the account was told today or yesterday (UTC)."""
        day = int(self.now_s() // DAY_S)
        days = [
            keys.account(account_id, f"predictions:{each}") for each in (day, day - 1)
        ]
        return bool(self._server.execute_command("EXISTS", *days))

    def compared_until_s(self, account_id: str) -> float | None:
        """Unix seconds by the provider's clock up to which its billing was compared."""
        until = self._server.hget(keys.account(account_id, "charges"), "until")
        return None if until is None else float(until)

    def note(
        self,
        account_id: str,
        before_s: float | None,
        until_s: float,
        found: Sequence[Charge] = (),
        *,
        later: Sequence[Billed] = (),
        judged: Collection[str] = (),
    ) -> bool:
        """Count what was found between two moments; False if another did before.

        Args:
            account_id: whose billing.
            before_s: up to where it was compared before, as `compared_until_s` said.
            until_s: up to where it is compared now.
            found: the charges that are not explained, oldest first.
            later: those that cannot be judged before a person has settled a row.
            judged: names of such records that are judged now.
        """
        before = "" if before_s is None else repr(before_s)
        args: list[object] = [account_id, before, repr(until_s), MAX_NAMED, len(later)]
        for row in later:
            args += (row.record, json.dumps(asdict(row)))
        args += (len(judged), *judged)
        for charge in found:
            text = json.dumps(asdict(charge))
            args += (charge.kind, charge.usd_micros, repr(charge.at_s), text)
        return bool(self._scripts.run("charges", *args))

    def judged_later(self, account_id: str) -> list[Billed]:
        """Charges that could not be judged yet."""
        key = keys.account(account_id, "charges:later")
        texts = self._server.hgetall(key).values()
        return [Billed(**json.loads(text)) for text in texts]

    def dismiss(self, account_id: str) -> None:
        """Count from now on: a person knows of all that was found."""
        key = keys.account(account_id, "charges")
        kept = [f"{kind}:{what}" for kind in Kind for what in ("count", "usd_micros")]
        pipeline = self._server.pipeline(transaction=True)
        pipeline.execute_command("HDEL", key, "since", *kept)
        pipeline.execute_command("DEL", keys.account(account_id, "charges:newest"))
        pipeline.execute()

    def read(self, account_id: str) -> Charges:
        """What was found and not dismissed."""
        pipeline = self._server.pipeline(transaction=True)
        pipeline.hgetall(keys.account(account_id, "charges"))
        key = keys.account(account_id, "charges:newest")
        pipeline.execute_command("LRANGE", key, 0, -1)
        raw, newest = pipeline.execute()
        return charges(raw, newest)


def charges(raw: Mapping[str, str], newest: Sequence[str] = ()) -> Charges:
    """Charges from the fields and texts that the server holds."""
    since = raw.get("since")
    found = [kind for kind in Kind if f"{kind}:count" in raw]
    each = [json.loads(text) for text in newest]
    return Charges(
        counts={kind: int(raw[f"{kind}:count"]) for kind in found},
        usd_micros={kind: int(raw[f"{kind}:usd_micros"]) for kind in found},
        since_s=float(since) if since else None,
        newest=tuple(Charge(**{**one, "kind": Kind(one["kind"])}) for one in each),
    )
