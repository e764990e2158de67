"""Telling people at the end of a command that renders by itself.

In a fleet the workers tell it; the worker of one command ends with the command, so this
tells what is due in a process of its own, and waits a little for it. What could not be
told then is told by whoever works next in this home.
"""

import subprocess
import sys

from jobs.ledger import Ledger
from jobs.settings import Settings, child_environment
from producer import console

#: Seconds that a command stays for what it has to tell.
PATIENCE_S = 10.0


def tell_end(ledger: Ledger, settings: Settings, batch_id: str) -> None:
    """Have it told that a batch came to rest, if anybody wants to know."""
    if not settings.notifies:
        return
    batch = ledger.batches.read(batch_id)
    ledger.outbox.add_batch(batch, settings.report_url)
    if not settings.redis_url:
        _tell_now(settings)


def _tell_now(settings: Settings) -> None:
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "worker.notify"],
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        console.say("not everybody is told yet; the next run here tries again")
        return
    for line in ended.stderr.splitlines()[-3:]:
        console.say(line)
