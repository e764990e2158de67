"""What the provider says about the account: free questions, asked in this process."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from jobs.provider.answers import (
    AccountTrouble,
    Billed,
    NoAnswerError,
    NoQuoteError,
    Trouble,
)
from jobs.settings import Settings
from producer.exits import CommandError, Exit

if TYPE_CHECKING:
    from jobs.catalogue.model import Model
    from jobs.ledger import Ledger
    from jobs.provider.client import Provider

A = TypeVar("A")
K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

#: What to do about each trouble.
CURES = {
    "key": "check WAVESPEED_API_KEY; a key works only after a first top-up",
    "permission": "ask the account's owner to allow this key to generate",
    "balance": "top the account up",
}


def cure(trouble: str) -> str:
    """What a user does about a trouble of the account."""
    return CURES.get(trouble, "look at the account")


#: What is wrong with the account is wrong for every picture and every price.
ACCOUNT_TROUBLES = frozenset(Trouble)

#: Questions that are asked side by side.
MAX_AT_ONCE = 8

#: Records of a moment ago may be dated a little later, and the two clocks, which are
#: compared roughly, may differ by so much.
SOON_S = BEFORE_S = 60.0

#: What one video would cost this account by the provider, in micro-dollars; or why it
#: does not say.
Quote = int | str


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
        words = f"{base_url} says: {self.reason}; {cure(self.trouble)}"
        return CommandError(words, Exit.UNREACHABLE)


def ask(settings: Settings, question: Callable[["Provider"], Awaitable[T]]) -> T:
    """The answer to questions that are asked over one client.

    Raises:
        NoAnswerError: the provider does not say.
    """

    async def asked() -> T:
        # Only here: commands that ask nobody start without aiohttp, 0.15 s earlier.
        from jobs.provider.client import opened

        async with opened(settings) as provider:
            return await question(provider)

    return asyncio.run(asked())


def balance_and_clock(settings: Settings) -> tuple[Balance, float | None]:
    """The balance, and by how many seconds the provider's clock is ahead of ours.

    The clock is exact to about a second; None if the provider does not tell its time.
    """

    async def question(provider: "Provider") -> tuple[Balance, float | None]:
        money = await _balance(provider)
        now_s = provider.clock.now_s()
        return money, None if now_s is None else now_s - time.time()

    return ask(settings, question)


def billings(settings: Settings, ledger: "Ledger", after_s: float) -> list[Billed]:
    """What the provider has billed since a time.

    Args:
        settings: whose account.
        ledger: by whose clock all times are.
        after_s: unix seconds; a little more is asked for, because clocks are compared
            roughly.

    Raises:
        CommandError: the provider does not say.
    """

    async def question(provider: "Provider") -> list[Billed]:
        now_s = ledger.now_s()
        ahead_s = await provider.clock_s()
        # Seconds that the provider's clock, by which it records, is ahead.
        ahead_s = 0.0 if ahead_s is None else ahead_s - now_s
        since_s = after_s - BEFORE_S + ahead_s
        rows = await provider.billings(since_s, now_s + ahead_s + SOON_S)
        return [replace(row, created_at_s=row.created_at_s - ahead_s) for row in rows]

    return _ask_or_stop(settings, question)


def balance_and_quotes(
    settings: Settings, asked: Mapping[K, tuple["Model", Mapping[str, Any]]]
) -> tuple[Balance, dict[K, Quote]]:
    """Ask side by side for the balance and what videos would cost; asking is free.

    Args:
        settings: whose account; it must have a key.
        asked: model and inputs, by whatever tells the answers apart.

    Returns:
        Beside the balance the quote of each, or why there is none.
    """
    #: What is in the way of every price; nothing more is asked then.
    ended: list[str] = []

    async def question(provider: "Provider") -> tuple[Balance, list[Quote]]:
        return await asyncio.gather(
            _balance(provider),
            side_by_side(lambda one: _quote(provider, *one, ended), asked.values()),
        )

    money, quotes = ask(settings, question)
    return money, dict(zip(asked, quotes, strict=True))


async def _quote(
    provider: "Provider", model: "Model", inputs: Mapping[str, Any], ended: list[str]
) -> Quote:
    from jobs.provider.prices import quote

    if ended:
        return ended[0]
    try:
        return await quote(provider, model, inputs)
    except NoQuoteError as error:
        if error.trouble in ACCOUNT_TROUBLES:
            ended.append(str(error))
        return str(error)
    except NoAnswerError as error:
        ended.append(str(error))
        return str(error)


def must_fit(settings: Settings, prediction_id: str, model: str) -> None:
    """Return if the provider knows this prediction, and it is one of that model.

    Raises:
        CommandError: it does not, it is of another, or the provider does not say.
    """
    found = _ask_or_stop(settings, lambda provider: provider.listing(prediction_id))
    if found is None:
        raise CommandError(
            f"the provider knows no prediction {prediction_id}; copy its id once more "
            "from where you found it"
        )
    if found.model not in ("", model):
        raise CommandError(
            f"prediction {prediction_id} is one of {found.model}, not {model}; "
            "adopt one of that model, or say --absent"
        )


def _ask_or_stop(
    settings: Settings, question: Callable[["Provider"], Awaitable[T]]
) -> T:
    try:
        return ask(settings, question)
    except NoAnswerError as error:
        raise CommandError(
            f"the provider does not say: {error}; ask again in a few minutes",
            Exit.UNREACHABLE,
        ) from None


async def _balance(provider: "Provider") -> Balance:
    try:
        found = await provider.balance_usd()
    except NoAnswerError as error:
        return Balance(trouble="unreachable", reason=str(error))
    if isinstance(found, AccountTrouble):
        return Balance(trouble=found.trouble, reason=found.reason)
    return Balance(usd=found)


async def side_by_side(
    work: Callable[[A], Awaitable[T]], items: Iterable[A], at_once: int = MAX_AT_ONCE
) -> list[T]:
    """What comes of each item, in their order; the first error ends them all."""
    room = asyncio.Semaphore(at_once)

    async def one(item: A) -> T:
        async with room:
            return await work(item)

    tasks = [asyncio.create_task(one(item)) for item in items]
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        return [task.result() for task in tasks if task.done()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
