"""Free questions to the provider, for the command line: `python -m worker.ask`.

Each prints one line of JSON, with `unreachable` in it where no answer came:

    python -m worker.ask balance
    python -m worker.ask look PREDICTION
    python -m worker.ask billings AFTER_S LEDGER_AHEAD_S

A process of its own, so that only workers ever speak to the provider.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace

from jobs import settings
from jobs.answers import AccountTrouble
from worker.provider import NoAnswer, Provider

#: Records of a moment ago may be dated a little later.
SOON_S = 60.0


async def _balance(provider: Provider) -> dict[str, object]:
    balance = await provider.balance_usd()
    if isinstance(balance, AccountTrouble):
        return {"trouble": balance.trouble, "reason": balance.reason}
    return {"balance_usd": balance}


async def _look(provider: Provider, prediction_id: str) -> dict[str, object]:
    found = await provider.listing(prediction_id)
    if found is None:
        return {"missing": prediction_id}
    return {"model": found.model}


async def _billings(
    provider: Provider, after_s: str, ledger_ahead_s: str
) -> dict[str, object]:
    now_s = time.time() + float(ledger_ahead_s)
    theirs_s = await provider.clock_s()
    # The provider's clock may be minutes off, and its records go by it.
    ahead_s = 0.0 if theirs_s is None else theirs_s - now_s
    until_s = now_s + ahead_s + SOON_S
    rows = await provider.billings(float(after_s) + ahead_s, until_s)
    ours = [replace(row, created_at_s=row.created_at_s - ahead_s) for row in rows]
    return {"billed": [asdict(row) for row in ours]}


Question = Callable[..., Awaitable[dict[str, object]]]

QUESTIONS: dict[str, Question] = {
    "balance": _balance,
    "look": _look,
    "billings": _billings,
}


async def ask(question: str, args: Sequence[str]) -> dict[str, object]:
    """The answer to a question, as it is printed."""
    chosen = settings.read()
    provider = Provider(
        chosen.base_url,
        chosen.api_key,
        submit_timeout_s=chosen.submit_timeout_s,
        request_timeout_s=chosen.request_timeout_s,
    )
    try:
        return await QUESTIONS[question](provider, *args)
    except NoAnswer as error:
        return {"unreachable": str(error)}
    finally:
        await provider.close()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(ask(sys.argv[1], sys.argv[2:]))) + "\n")
