"""Free questions about the account, for the command line: `python -m worker.ask`.

Prints one line of JSON: `{"balance_usd": 12.5}`, `{"trouble": "key", "reason": ...}`
or `{"unreachable": ...}`. A process of its own, so that only workers ever speak to the
provider.
"""

import asyncio
import json
import sys

from jobs import settings
from jobs.answers import AccountTrouble
from worker.provider import NoAnswer, Provider


async def _ask() -> dict[str, object]:
    chosen = settings.read()
    provider = Provider(
        chosen.base_url,
        chosen.api_key,
        submit_timeout_s=chosen.submit_timeout_s,
        request_timeout_s=chosen.request_timeout_s,
    )
    try:
        balance = await provider.balance_usd()
    except NoAnswer as error:
        return {"unreachable": str(error)}
    finally:
        await provider.close()
    if isinstance(balance, AccountTrouble):
        return {"trouble": balance.trouble, "reason": balance.reason}
    return {"balance_usd": balance}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(_ask())) + "\n")
