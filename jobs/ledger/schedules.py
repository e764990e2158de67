"""Schedules: what is handed over by the clock, who fires it now, and what came of it.

A firing is claimed for a while before anything is done, so that of many schedulers one
does it, and another takes over from one that died. What is due when is decided in
`jobs.schedule`.
"""

from dataclasses import dataclass

from jobs.ledger import keys
from jobs.ledger.server import Part
from jobs.schedule import Firing, Schedule

#: Newest firings that are kept of a schedule.
KEPT = 30

#: Seconds that a scheduler which ended is remembered.
REMEMBERED_S = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Standing:
    """How a schedule stands."""

    schedule: Schedule
    #: Unix seconds: earlier times are dealt with.
    done_until_s: float
    #: The claim under which it is fired now or is tried again soon; empty if none is.
    holder: str = ""
    #: Unix seconds until which nobody else takes that claim.
    held_until_s: float = 0.0
    #: The firing that is tried again, as it stands.
    trying: Firing | None = None


class Schedules(Part):
    """The schedules of a ledger."""

    def add(self, schedule: Schedule, *, replace: bool = False) -> bool:
        """Keep a schedule, to be fired from now on; False if its name is taken."""
        args = (schedule.name, schedule.to_json(), int(replace))
        return bool(self._run("schedule", *args))

    def remove(self, name: str) -> bool:
        """Forget a schedule and its firings; False if there is none."""
        removed = bool(self._server.hdel(keys.SCHEDULES, name))
        self._server.execute_command(
            "DEL", keys.schedule(name), keys.schedule(name, "firings")
        )
        return removed

    def all(self) -> list[Standing]:
        """Every schedule by its name."""
        known = self._server.hgetall(keys.SCHEDULES)
        return [self._standing(known[name]) for name in sorted(known)]

    def read(self, name: str) -> Standing | None:
        """One schedule; None if there is none of that name."""
        text = self._server.hget(keys.SCHEDULES, name)
        return self._standing(text) if text else None

    def firings(self, name: str, most: int = KEPT) -> list[Firing]:
        """What came of it lately, newest first."""
        texts = self._server.lrange(keys.schedule(name, "firings"), 0, most - 1)
        return [Firing.from_json(text) for text in texts]

    def claim(self, name: str, at_s: float, claim: str, lease_s: float) -> bool:
        """Take the firing of a time; False if it is done or somebody has it.

        Args:
            name: of the schedule.
            at_s: unix seconds when it was due.
            claim: a text that nobody else uses.
            lease_s: seconds until another may take it over.
        """
        args = (name, repr(at_s), claim, lease_s)
        return bool(self._run("fire", *args))

    def hold(
        self, name: str, claim: str, lease_s: float, trying: Firing | None = None
    ) -> bool:
        """Keep a claim for so much longer; False if it is lost.

        With `trying` it is told why nothing came of it yet.
        """
        text = trying.to_json() if trying else ""
        return bool(self._run("hold", name, claim, lease_s, text))

    def done(self, name: str, claim: str, at_s: float, firing: Firing) -> bool:
        """All times until then are dealt with; False if the claim is lost.

        With 0 for the time the claim is let go and what is due stays due.
        """
        args = (name, claim, repr(at_s), firing.to_json(), KEPT)
        return bool(self._scripts.run("fired", *args))

    def heartbeat(self, account_id: str, scheduler: str) -> None:
        """A scheduler of an account says that it lives."""
        member = f"{account_id}/{scheduler}"
        self._run("scheduler", member, REMEMBERED_S)

    def heartbeats(self) -> dict[str, float]:
        """Unix seconds of each scheduler's last heartbeat, by `account/scheduler`."""
        members = self._server.zrange(keys.SCHEDULER, 0, -1)
        ask = self._server.execute_command
        scores = (ask("ZSCORE", keys.SCHEDULER, member) for member in members)
        return {m: float(s or 0) for m, s in zip(members, scores, strict=True)}

    def heartbeat_s(self, account_id: str, host: str = "") -> float:
        """Unix seconds of the last heartbeat of an account's schedulers; 0 is never.

        With `host` only of those on that machine.
        """
        theirs = [
            heard_s
            for member, heard_s in self.heartbeats().items()
            if member.startswith(f"{account_id}/")
            and (not host or member.endswith(f"@{host}"))
        ]
        return max(theirs, default=0.0)

    def _standing(self, text: str) -> Standing:
        schedule = Schedule.from_json(text)
        raw = self._server.hgetall(keys.schedule(schedule.name))
        return Standing(
            schedule=schedule,
            done_until_s=float(raw.get("done_until", "0")),
            holder=raw.get("holder", ""),
            held_until_s=float(raw.get("held_until", "0")),
            trying=Firing.from_json(raw["trying"]) if raw.get("trying") else None,
        )
