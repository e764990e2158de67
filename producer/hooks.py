"""The receiver of the provider's webhooks, as a command: `hooks`.

It checks what a person set and becomes `worker.hooks`, which decides what a webhook
brings about.
"""

import os
import sys

from jobs.settings import child_environment
from producer import console
from producer.exits import CommandError
from producer.options import chosen_settings

#: Any free port may be asked for with 0.
HIGHEST_PORT = 65_535


def hooks(host: str, port: int) -> int:
    """Become the receiver; it prints its address as JSON and ends by a signal.

    Raises:
        CommandError: no key is set, or the port is none.
    """
    chosen = chosen_settings()
    if not chosen.api_key:
        raise CommandError(
            "WAVESPEED_API_KEY is not set; webhooks are checked with a secret that "
            "only the account's key can ask for; set it to that key"
        )
    if not 0 <= port <= HIGHEST_PORT:
        raise CommandError(f"--port {port}: must be 0 to {HIGHEST_PORT}")
    if not chosen.webhook_url:
        console.say(
            "REELMILL_WEBHOOK_URL is not set here; set it for the workers, "
            "or nothing asks the provider to call"
        )
    command = [sys.executable, "-m", "worker.hooks", host, str(port)]
    # In its place, so that signals of whoever supervises it reach it.
    os.execve(command[0], command, child_environment(chosen))
