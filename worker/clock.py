"""How far the provider's clock is ahead of this machine's: `python -m worker.clock`.

Prints one line of JSON: `{"ahead_s": 0.4}`, or null where the provider tells no time.
It asks once and decides nothing; other free questions stand in `ask`.
"""

import asyncio
import json
import sys
import time

from jobs import settings
from worker.provider import NoAnswerError, Provider


async def ahead_s() -> float | None:
    """Seconds, exact to about one; None if the provider does not say."""
    chosen = settings.read()
    provider = Provider(
        chosen.base_url,
        chosen.api_key,
        submit_timeout_s=chosen.submit_timeout_s,
        request_timeout_s=chosen.request_timeout_s,
    )
    try:
        theirs_s = await provider.clock_s()
    except NoAnswerError:
        return None
    finally:
        await provider.close()
    return None if theirs_s is None else theirs_s - time.time()


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"ahead_s": asyncio.run(ahead_s())}) + "\n")
