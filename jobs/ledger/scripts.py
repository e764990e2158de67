"""The ledger's atomic steps, run by the server: one Lua file each in `lua/`.

Calls go out in one round trip however many they are. A server that was restarted has
forgotten the scripts and is told them again.
"""

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any

from redis.exceptions import NoScriptError

from jobs.ledger.server import Server

NAMES = (
    "create",
    "add",
    "open",
    "page",
    "pick",
    "grant",
    "transition",
    "renew",
    "lease",
    "postpone",
    "release",
    "bring_forward",
    "drop",
    "reject",
    "recover",
    "follow",
    "dedup_preview",
    "beat",
    "workers",
    "tell",
    "untold",
    "told",
    "figures",
    "charges",
    "snapshot",
    "schedule",
    "fire",
    "hold",
    "fired",
    "scheduler",
    "queued",
    "owners",
    "remember",
    "delete_jobs",
    "refused",
    "crash",
    "crashes",
    "mark",
    "older",
)

Call = tuple[str, Sequence[object]]


def _source(name: str) -> str:
    folder = resources.files("jobs.ledger").joinpath("lua")
    parts = (folder.joinpath(f"{part}.lua") for part in ("_shared", name))
    return "\n".join(part.read_text(encoding="utf-8") for part in parts)


class Scripts:
    """Runs scripts by name on one server."""

    def __init__(self, redis: Server) -> None:
        self._redis = redis
        self._sources = {name: _source(name) for name in NAMES}
        self._digests = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
            for name, text in self._sources.items()
        }

    def run(self, name: str, *args: object) -> Any:  # noqa: ANN401 - each script's own
        """Run one script; its answer as the server gives it."""
        return self.run_all([(name, args)])[0]

    def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run many in one round trip, each atomic by itself; their answers in order."""
        answers = self._send(calls)
        lost = [i for i, a in enumerate(answers) if isinstance(a, NoScriptError)]
        if lost:
            for name in {calls[i][0] for i in lost}:
                self._redis.script_load(self._sources[name])
            again = self._send([calls[i] for i in lost])
            for i, answer in zip(lost, again, strict=True):
                answers[i] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def run_together(self, calls: Sequence[Call]) -> list[Any]:
        """Run many as one step that nobody sees half done; their answers in order."""
        for name in {name for name, _ in calls}:
            self._redis.script_load(self._sources[name])
        answers = self._send(calls, together=True)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _send(self, calls: Sequence[Call], *, together: bool = False) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=together)
        for name, args in calls:
            values = [str(arg) for arg in args]
            pipeline.evalsha(self._digests[name], 0, *values)
        return list(pipeline.execute(raise_on_error=False))
