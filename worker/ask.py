"""Free questions to the provider, for the command line: `python -m worker.ask`.

Each prints one line of JSON, with `unreachable` in it where no answer came:

    python -m worker.ask balance
    python -m worker.ask look PREDICTION
    python -m worker.ask billings AFTER_S BEFORE_S

A process of its own, so that only workers ever speak to the provider.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

from jobs import settings
from jobs.answers import AccountTrouble, LookAgain, Missing
from worker.provider import NoAnswer, Provider


async def _balance(provider: Provider) -> dict[str, object]:
    balance = await provider.balance_usd()
    if isinstance(balance, AccountTrouble):
        return {"trouble": balance.trouble, "reason": balance.reason}
    return {"balance_usd": balance}


async def _look(provider: Provider, prediction_id: str) -> dict[str, object]:
    answer = await provider.look(prediction_id)
    if isinstance(answer, LookAgain):
        raise NoAnswer(answer.reason)
    if isinstance(answer, AccountTrouble):
        return {"trouble": answer.trouble, "reason": answer.reason}
    if isinstance(answer, Missing):
        return {"missing": answer.reason}
    return {"found": type(answer).__name__.lower()}


async def _billings(
    provider: Provider, after_s: str, before_s: str
) -> dict[str, object]:
    rows = await provider.billings(float(after_s), float(before_s))
    return {"billed": [asdict(row) for row in rows]}


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
