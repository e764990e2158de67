"""What the provider says about the account, asked through a process of the worker."""

import json
import subprocess
import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from jobs.provider.answers import Billed, Listed
from jobs.settings import Settings, child_environment
from producer.conversation import Conversation
from producer.exits import CommandError, Exit

K = TypeVar("K", bound=Hashable)

#: What to do about each trouble.
CURES = {
    "key": "check WAVESPEED_API_KEY; a key works only after a first top-up",
    "permission": "ask the account's owner to allow this key to generate",
    "balance": "top the account up",
}


#: What one video would cost this account by the provider, in micro-dollars; or why it
#: does not say.
Quote = int | str

#: Asks for the balance where a price is asked for otherwise; no number of a question.
BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class Balance:
    """The account's money, or why it cannot be told."""

    usd: float | None = None
    #: `key`, `permission`, `balance` or `unreachable`; empty if all is well.
    trouble: str = ""
    reason: str = ""

    def or_stop(self, base_url: str) -> float:
        """The money in dollars.

        Raises:
            CommandError: the account cannot be used now.
        """
        if self.usd is not None:
            return self.usd
        raise self.stop(base_url)

    def stop(self, base_url: str) -> CommandError:
        """Why a command ends that cannot use the account."""
        if self.trouble == "unreachable":
            return CommandError(
                f"the provider is out of reach: {self.reason}; "
                "check WAVESPEED_BASE_URL and the network",
                Exit.UNREACHABLE,
            )
        cure = CURES.get(self.trouble, "look at the account")
        return CommandError(f"{base_url} says: {self.reason}; {cure}", Exit.UNREACHABLE)


def balance(settings: Settings) -> Balance:
    """Ask the provider for the account's balance; costs nothing."""
    return _balance(ask(settings, "balance"))


def _balance(answer: Mapping[str, Any]) -> Balance:
    if "unreachable" in answer:
        return Balance(trouble="unreachable", reason=str(answer["unreachable"]))
    if "trouble" in answer:
        return Balance(trouble=str(answer["trouble"]), reason=str(answer["reason"]))
    return Balance(usd=float(answer["balance_usd"]))


def clock_ahead_s(settings: Settings, ahead_s: float) -> float:
    """Seconds that the provider's clock is ahead of the ledger's.

    Args:
        settings: which provider.
        ahead_s: how far the ledger's clock is ahead of this machine's.

    Raises:
        CommandError: it does not say.
    """
    answer = ask(settings, "clock", repr(ahead_s))
    _or_stop(answer)
    return float(answer["ahead_s"])


def billings(settings: Settings, after_s: float, ahead_s: float) -> list[Billed]:
    """Ask the provider what it has billed since a time.

    Args:
        settings: whose account.
        after_s: unix seconds by the ledger's clock, as are the times that are returned.
        ahead_s: how far the ledger's clock is ahead of this machine's.

    Raises:
        CommandError: it does not say.
    """
    answer = ask(settings, "billings", repr(after_s), repr(ahead_s))
    _or_stop(answer)
    return [Billed(**row) for row in answer["billed"]]


def history(
    settings: Settings, models: Sequence[str], after_s: float, ahead_s: float
) -> list[Listed]:
    """Ask the provider which predictions of these models it has since a time.

    Args:
        settings: whose account.
        models: full model ids.
        after_s: unix seconds by the ledger's clock, as are the times that are returned.
        ahead_s: how far the ledger's clock is ahead of this machine's.

    Raises:
        CommandError: it does not say.
    """
    answer = ask(settings, "history", repr(after_s), repr(ahead_s), *models)
    _or_stop(answer)
    return [Listed(**row) for row in answer["listed"]]


def told_more(settings: Settings, listed: Sequence[Listed]) -> list[Listed]:
    """The same, with what their results show of their inputs, in any order.

    What a result does not tell stays as it is.

    Raises:
        CommandError: the provider does not say.
    """
    waiting = {each.prediction_id: each for each in listed}
    if not waiting:
        return []
    questions = ({"key": prediction_id} for prediction_id in waiting)
    with Conversation(settings, "listings") as worker:
        return [_told_of(waiting, answer) for answer in worker.answers(questions)]


def _told_of(listed: Mapping[str, Listed], answer: Mapping[str, Any]) -> Listed:
    _or_stop(answer)
    known = listed[answer["key"]]
    if "inputs" not in answer:
        return known
    return replace(known, status=answer["status"], inputs=answer["inputs"])


def balance_and_quotes(
    settings: Settings, asked: Mapping[K, tuple[str, Mapping[str, Any]]]
) -> tuple[Balance, dict[K, Quote]]:
    """Ask for the balance, and what videos would cost; asking is free.

    Both at once, because to start who asks takes longer than to ask.

    Args:
        settings: whose account; it must have a key.
        asked: model id and inputs, by whatever tells the answers apart.

    Returns:
        Beside the balance the quote of each, or why there is none.
    """
    found: dict[K, Quote] = {}
    names = list(asked)
    # First, so that its answer is its own even where that to a price ends them all.
    questions = [{"key": BALANCE}] + [
        {"key": number, "model_id": model_id, "inputs": dict(inputs)}
        for number, (model_id, inputs) in enumerate(asked.values())
    ]
    money: Balance | None = None
    # No price is worth the end of a command.
    try:
        with Conversation(settings, "quotes") as worker:
            for answer in worker.answers(questions):
                if answer["key"] == BALANCE:
                    money = _balance(answer)
                else:
                    known = answer.get("price_usd_micros")
                    found[names[answer["key"]]] = known or str(answer["reason"])
        ended = "no answer"
    except CommandError as stop:
        ended = str(stop)
    money = money or Balance(trouble="unreachable", reason=ended)
    return money, {name: found.get(name, ended) for name in names}


def must_fit(settings: Settings, prediction_id: str, model: str) -> None:
    """Return if the provider knows this prediction, and it is one of that model.

    Raises:
        CommandError: it does not, it is of another, or the provider does not say.
    """
    answer = ask(settings, "look", prediction_id)
    _or_stop(answer)
    if "missing" in answer:
        raise CommandError(
            f"the provider knows no prediction {prediction_id}; copy its id once more "
            "from where you found it"
        )
    if answer["model"] not in ("", model):
        raise CommandError(
            f"prediction {prediction_id} is one of {answer['model']}, not {model}; "
            "adopt one of that model, or say --absent"
        )


def _or_stop(answer: Mapping[str, Any]) -> None:
    reason = answer.get("unreachable") or answer.get("reason")
    if reason:
        raise CommandError(
            f"the provider does not say: {reason}; ask again in a few minutes",
            Exit.UNREACHABLE,
        )


def ask(settings: Settings, *question: str) -> dict[str, Any]:
    """The provider's answer to a free question, through a process of the worker."""
    asked = subprocess.run(  # noqa: S603 - a command of our own
        [sys.executable, "-m", "worker.ask", *question],
        env=child_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        words = asked.stderr.strip().splitlines()[-1:] or ["no answer"]
        return {"unreachable": words[0]}
    return dict(json.loads(asked.stdout))
