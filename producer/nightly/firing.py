"""A firing: what a schedule names is handed over to the fleet, and what came of it.

It takes each manifest through the same steps as `submit --yes` and never lets one that
is refused keep the others back. When a schedule fires, and who does it, is decided in
`scheduler`.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from jobs.batch.schedule import Firing, Handed, Schedule
from jobs.ledger import Ledger, LedgerError
from jobs.ledger.batches import JobsDeletedError
from jobs.pricing import usd_micros
from jobs.records import BatchRecord
from jobs.storage import Store, StoreError
from producer import problems
from producer.commands import hand_over, read, settings_of
from producer.exits import Exit, Stop
from producer.nightly import deadlines, inboxes
from producer.nightly.deadlines import Deadline
from producer.nightly.inboxes import Inbox, escaped
from producer.options import Reading, Spending

#: Lines of a manifest's problems that are kept in the record of a firing.
MOST_LINES = 20

log = logging.getLogger("reelmill.scheduler")

#: Takes a manifest and becomes a batch; raises `Refused` or `Stop`.
Submit = Callable[[str, Reading, Spending], BatchRecord]

_Options = TypeVar("_Options", Reading, Spending)


class Refused(Exception):  # noqa: N818 - a finding about a manifest
    """Nothing of a manifest was handed over, for its problems."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass(slots=True)
class Course:
    """What a firing has come to so far."""

    handed: list[Handed] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    #: Why it must be tried again.
    again: list[str] = field(default_factory=list)

    def firing(self, at_s: float, ended_s: float) -> Firing:
        """It as a record, in which every name can be said and stored."""
        return Firing(
            at_s=at_s,
            ended_s=ended_s,
            handed=tuple(map(_sayable, self.handed)),
            warnings=tuple(map(escaped, self.warnings)),
            again=escaped("; ".join(dict.fromkeys(self.again))),
        )


def _sayable(handed: Handed) -> Handed:
    problems = tuple(map(escaped, handed.problems))
    return Handed(escaped(handed.manifest), handed.batch, problems)


def submit_to(ledger: Ledger) -> Submit:
    """Hands manifests over to this ledger."""

    def submit(manifest: str, reading: Reading, spending: Spending) -> BatchRecord:
        chosen = settings_of(spending)
        _check_store(chosen.store)
        budget = usd_micros(spending.budget) if spending.budget else None
        with closing(read(manifest, reading, chosen, whole=True)) as found:
            if found.problems.count:
                raise Refused(tuple(problems.lines(found.problems)))
            # It was opened by its name; from here on the name is only stored.
            found.source = escaped(found.source)
            return hand_over(ledger, found, chosen, spending, budget)

    return submit


def _check_store(url: str) -> None:
    try:
        Store(url).check_writable()
    except StoreError as error:
        raise Stop(str(error), Exit.UNREACHABLE) from None


def options_of(schedule: Schedule) -> tuple[Reading, Spending]:
    """How the manifests of a schedule are read, and what may be spent on each.

    Raises:
        Stop: the schedule was written by a version that has other options.
    """
    spending = _options(Spending, {**schedule.spending, "yes": True})
    return _options(Reading, schedule.reading), spending


def fire(
    schedule: Schedule,
    submit: Submit,
    course: Course,
    *,
    home: Path,
    seen: inboxes.Seen,
    now_s: Callable[[], float],
) -> None:
    """Hand over what a schedule names.

    Args:
        schedule: of what.
        submit: takes a manifest.
        course: takes what comes of it, as it comes.
        home: where copies of a bucket's manifests are kept.
        seen: what looks into its inboxes saw.
        now_s: unix seconds.
    """
    try:
        options = options_of(schedule)
    except Stop as stop:
        course.handed += [Handed(m, "", (str(stop),)) for m in schedule.manifests]
        return
    for manifest in schedule.manifests:
        if not schedule.inbox:
            _hand_over(course, manifest, manifest, submit, options)
            continue
        try:
            inbox = inboxes.inbox_of(manifest, home)
            dropped = _complete(inbox, manifest, seen, now_s(), schedule.still_s)
            _take_all(dropped, course, submit, options, now_s)
        except Stop as stop:
            course.again.append(str(stop))


def warn_of_deadline(
    course: Course,
    schedule: Schedule,
    at_s: float,
    ledger: Ledger,
    now_s: float,
) -> None:
    """Add why what was handed over will not be there in time, if it will not."""
    deadline_s = schedule.deadline_s(at_s)
    batches = [handed.batch for handed in course.handed if handed.batch]
    if deadline_s is None or not batches:
        return
    _, spending = options_of(schedule)
    deadline = Deadline(now_s, deadline_s, schedule.say)
    chosen = settings_of(spending)
    course.warnings += deadlines.warnings(ledger, chosen, batches, deadline)


def place_in(manifest: str, name: str) -> str:
    """How a file of an inbox is named to a person, and in what was seen."""
    return f"{manifest.rstrip('/')}/{name}"


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A manifest that was dropped into an inbox."""

    inbox: Inbox
    manifest: str
    name: str
    #: How it looked when it was found complete.
    stamp: str

    def has_changed(self) -> bool:
        """Whether it is another content by now, or gone.

        Raises:
            Stop: the inbox is out of reach.
        """
        return self.inbox.stamps().get(self.name) != self.stamp

    def take(
        self,
        course: Course,
        submit: Submit,
        options: tuple[Reading, Spending],
        now_s: Callable[[], float],
    ) -> None:
        """Hand it over and put it away, unless it must be tried again.

        Raises:
            Stop: it cannot be read or put away.
        """
        place = self.inbox.fetch(self.name)
        named = place_in(self.manifest, self.name)
        handed = _hand_over(course, named, place, submit, options)
        # What was written anew in the meantime is another manifest.
        if handed and not self.has_changed():
            inboxes.put_away(self.inbox, self.name, now_s(), handed.problems)


def _take_all(
    dropped: Iterator[_Dropped],
    course: Course,
    submit: Submit,
    options: tuple[Reading, Spending],
    now_s: Callable[[], float],
) -> None:
    for one in dropped:
        # Asked outside of `try`: an inbox that cannot be listed ends them all.
        if one.has_changed():
            continue
        try:
            one.take(course, submit, options, now_s)
        except (Stop, JobsDeletedError) as stop:
            course.again.append(str(stop))
        except LedgerError:
            raise
        except Exception as error:
            log.exception("%s: a mistake in reelmill", one.name)
            course.again.append(f"{one.name}: a mistake in reelmill: {error!r}")


def _complete(
    inbox: Inbox, manifest: str, seen: inboxes.Seen, now_s: float, still_s: float
) -> Iterator[_Dropped]:
    stamps = inbox.stamps()
    own = {
        name: seen[at] for name in stamps if (at := place_in(manifest, name)) in seen
    }
    for name in inboxes.complete(own, stamps, now_s, still_s):
        yield _Dropped(inbox, manifest, name, stamps[name])


def _hand_over(
    course: Course,
    manifest: str,
    place: str,
    submit: Submit,
    options: tuple[Reading, Spending],
) -> Handed | None:
    """What came of a manifest; None if it must be tried again."""
    try:
        batch = submit(place, *options)
        handed = Handed(manifest, batch.id)
    except Refused as refused:
        lines = refused.lines
        more = len(lines) - MOST_LINES
        tail = (f"and {more} more lines",) if more > 0 else ()
        course.handed.append(Handed(manifest, "", (*lines[:MOST_LINES], *tail)))
        return Handed(manifest, "", lines)
    except Stop as stop:
        if stop.code is Exit.UNREACHABLE:
            course.again.append(f"{manifest}: {stop}")
            return None
        handed = Handed(manifest, "", (str(stop),))
    else:
        if batch.cancelled:
            words = f"{batch.id} was cancelled before, and nothing more of it is sent"
            course.warnings.append(words)
    course.handed.append(handed)
    return handed


def _options(kind: type[_Options], given: Mapping[str, Any]) -> _Options:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
    try:
        return kind(**values)
    except TypeError:
        raise Stop(
            "the schedule was made by another version of reelmill, with options that "
            "this one does not have; add it again with --replace"
        ) from None
