"""Notifications at the end of a command that renders by itself.

In a fleet the workers send them; the worker of one command ends with the command, so
this sends what is due in a process of the worker, and waits a little for it. What could
not be sent then is sent by whoever works next in this home.
"""

import subprocess
import sys

from jobs.ledger import Ledger
from jobs.settings import Settings, child_environment
from producer import console

#: Seconds that a command stays for its notifications.
TIMEOUT_S = 10.0


def notify_end(ledger: Ledger, settings: Settings, batch_id: str) -> None:
    """Have people notified that a batch came to rest, if anybody wants to know."""
    if not settings.notifies:
        return
    batch = ledger.batches.read(batch_id)
    ledger.outbox.add_batch(batch, settings.report_url)
    if settings.redis_url:
        return
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "worker.notify"],
            env=child_environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        console.say("not every notification is sent yet; the next run here tries again")
        return
    for line in ended.stderr.splitlines()[-3:]:
        console.say(line)
