"""What the provider says about the account, asked through a process of the worker."""

import json
import subprocess
import sys
from dataclasses import dataclass

from jobs.settings import Settings, child_environment
from producer.exits import Exit, Stop

#: What to do about each trouble.
CURES = {
    "key": "check WAVESPEED_API_KEY; a key works only after a first top-up",
    "permission": "ask the account's owner to allow this key to generate",
    "balance": "top the account up; nothing is lost, run again to go on",
}


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
            Stop: the account cannot be used now.
        """
        if self.usd is not None:
            return self.usd
        if self.trouble == "unreachable":
            raise Stop(f"the provider is out of reach: {self.reason}", Exit.UNREACHABLE)
        cure = CURES.get(self.trouble, "look at the account")
        raise Stop(f"{base_url} says: {self.reason}; {cure}", Exit.UNREACHABLE)


def balance(settings: Settings) -> Balance:
    """Ask the provider for the account's balance; costs nothing."""
    asked = subprocess.run(
        [sys.executable, "-m", "worker.ask"],
        env=child_environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        words = asked.stderr.strip().splitlines()[-1:] or ["no answer"]
        return Balance(trouble="unreachable", reason=words[0])
    answer = json.loads(asked.stdout)
    if "unreachable" in answer:
        return Balance(trouble="unreachable", reason=answer["unreachable"])
    if "trouble" in answer:
        return Balance(trouble=answer["trouble"], reason=answer["reason"])
    return Balance(usd=float(answer["balance_usd"]))
