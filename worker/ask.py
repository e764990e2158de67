"""Free questions to the provider, for the command line: `python -m worker.ask`.

Each prints one line of JSON, with `unreachable` in it where no answer came:

    python -m worker.ask balance
    python -m worker.ask look PREDICTION
    python -m worker.ask clock    LEDGER_AHEAD_S
    python -m worker.ask billings AFTER_S LEDGER_AHEAD_S
    python -m worker.ask history  AFTER_S LEDGER_AHEAD_S MODEL...

Three of them read lines of JSON and answer each by another:

    python -m worker.ask uploads   {"sha256", "path", "size", "content_type"}
                                   {"sha256", "url"}
    python -m worker.ask quotes    {"key", "model_id", "inputs"}
                                   {"key", "price_usd_micros"}
                                   {"key"}
                                   {"key", "balance_usd"}
    python -m worker.ask listings  {"key": PREDICTION}
                                   {"key", "status", "inputs"}

or by `trouble` and `reason`, with `over` where no other line would fare better. A
process of its own, so that only workers ever speak to the provider.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from jobs import catalogue, settings
from jobs.provider.answers import AccountTrouble, Trouble
from worker.lines import Answer, answer_lines, say, trouble
from worker.provider import NoAnswerError, Provider
from worker.quotes import NoQuoteError, quote
from worker.uploads import Picture, UploadError, Uploads

#: What is wrong with the account is wrong for every picture and every price.
ACCOUNT_TROUBLES = frozenset(Trouble)

#: Records of a moment ago may be dated a little later.
SOON_S = 60.0

DAY_S = 86_400.0


async def _balance(provider: Provider) -> dict[str, object]:
    balance = await provider.balance_usd()
    if isinstance(balance, AccountTrouble):
        return trouble(balance.trouble, balance.reason)
    return {"balance_usd": balance}


async def _look(provider: Provider, prediction_id: str) -> dict[str, object]:
    found = await provider.listing(prediction_id)
    if found is None:
        return {"missing": prediction_id}
    return {"model": found.model}


async def _clock(provider: Provider, ledger_ahead_s: str) -> dict[str, object]:
    return {"ahead_s": (await _clocks(provider, ledger_ahead_s))[1]}


async def _clocks(provider: Provider, ledger_ahead_s: str) -> tuple[float, float]:
    """The ledger's time, and how far the provider's, by which it records, is ahead."""
    now_s = time.time() + float(ledger_ahead_s)
    theirs_s = await provider.clock_s()
    return now_s, 0.0 if theirs_s is None else theirs_s - now_s


async def _billings(
    provider: Provider, after_s: str, ledger_ahead_s: str
) -> dict[str, object]:
    now_s, ahead_s = await _clocks(provider, ledger_ahead_s)
    until_s = now_s + ahead_s + SOON_S
    rows = await provider.billings(float(after_s) + ahead_s, until_s)
    ours = [replace(row, created_at_s=row.created_at_s - ahead_s) for row in rows]
    return {"billed": [asdict(row) for row in ours]}


async def _history(
    provider: Provider, after_s: str, ledger_ahead_s: str, *models: str
) -> dict[str, object]:
    now_s, ahead_s = await _clocks(provider, ledger_ahead_s)
    found = []
    for model in models:
        from_s = float(after_s) + ahead_s
        while from_s < now_s + ahead_s:
            # Day by day, because one question is answered with so many and no more.
            to_s = min(from_s + DAY_S, now_s + ahead_s + SOON_S)
            found += await provider.history(model, from_s, to_s)
            from_s = to_s
    ours = {
        c.prediction_id: replace(c, created_at_s=c.created_at_s - ahead_s)
        for c in found
    }
    return {"listed": [asdict(each) for each in ours.values()]}


async def _listings(provider: Provider) -> None:
    async def ask_listing(asked: dict[str, Any]) -> Answer:
        try:
            found = await provider.listing(asked["key"])
        except NoAnswerError:
            try:
                await provider.clock_s()
            except NoAnswerError as error:
                return trouble("unreachable", str(error), over=True)
            return {}  # of this one only; others may be told
        return {"status": found.status, "inputs": found.inputs} if found else {}

    await answer_lines(ask_listing)


async def _uploads(provider: Provider) -> None:
    uploads = Uploads(provider)

    async def upload(asked: dict[str, Any]) -> Answer:
        path, size, kind = asked["path"], asked["size"], asked["content_type"]
        picture = Picture(asked["sha256"], Path(path), size, kind)
        try:
            return {"url": await uploads.upload(picture)}
        except UploadError as error:
            over = error.trouble in ACCOUNT_TROUBLES
            return trouble(error.trouble, str(error), over=over)

    try:
        await answer_lines(upload)
    finally:
        await uploads.close()


async def _quotes(provider: Provider) -> None:
    known = catalogue.builtin()

    async def ask_price(asked: dict[str, Any]) -> Answer:
        if "model_id" not in asked:
            return await _answer(provider, "balance", ())
        try:
            model = known.find(asked["model_id"])
            return {"price_usd_micros": await quote(provider, model, asked["inputs"])}
        except NoQuoteError as error:
            over = error.trouble in ACCOUNT_TROUBLES
            return trouble(error.trouble, str(error), over=over)
        except NoAnswerError as error:
            return trouble("unreachable", str(error), over=True)

    await answer_lines(ask_price)


Question = Callable[..., Awaitable[dict[str, object]]]

QUESTIONS: dict[str, Question] = {
    "balance": _balance,
    "look": _look,
    "clock": _clock,
    "billings": _billings,
    "history": _history,
}

#: Those that come line by line.
STREAMS: dict[str, Callable[[Provider], Awaitable[None]]] = {
    "uploads": _uploads,
    "quotes": _quotes,
    "listings": _listings,
}


async def ask(question: str, args: Sequence[str]) -> None:
    """Print the answer to a question, or the answers to all that come on stdin."""
    chosen = settings.read()
    provider = Provider(
        chosen.base_url,
        chosen.api_key,
        submit_timeout_s=chosen.submit_timeout_s,
        request_timeout_s=chosen.request_timeout_s,
    )
    try:
        if question in STREAMS:
            await STREAMS[question](provider)
        else:
            say(await _answer(provider, question, args))
    finally:
        await provider.close()


async def _answer(provider: Provider, question: str, args: Sequence[str]) -> Answer:
    try:
        return await QUESTIONS[question](provider, *args)
    except NoAnswerError as error:
        return {"unreachable": str(error)}


if __name__ == "__main__":
    asyncio.run(ask(sys.argv[1], sys.argv[2:]))
