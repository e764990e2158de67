"""A firing: what a schedule names is handed over to the fleet, and what came of it.

It takes each manifest through the same steps as `submit --yes` and never lets one that
is refused keep the others back. When a schedule fires, and who does it, is decided in
`scheduler`.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from jobs.ledger import JobsDeletedError, Ledger, LedgerError
from jobs.records import BatchRecord
from jobs.schedule import Firing, Handed, Schedule
from producer import problems
from producer.exits import CommandError, Exit
from producer.manifests.source import ENDINGS, is_bucket
from producer.nightly import deadlines
from producer.nightly.deadlines import Deadline
from producer.options import Reading, Spending
from producer.submit import encodable, hand_over, load, settings_of

#: Lines of a manifest's problems that are kept in the record of a firing.
MOST_LINES = 20

_NOTHING = (
    "there is no such manifest now; if it is a folder whose pictures are meant, add "
    "the schedule again with --pictures --replace"
)

log = logging.getLogger("reelmill.scheduler")

#: Takes a manifest and becomes a batch; raises `ManifestRefusedError` or
#: `CommandError`.
Submit = Callable[[str, Reading, Spending], BatchRecord]

_Options = TypeVar("_Options", Reading, Spending)


class ManifestRefusedError(Exception):
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
            warnings=tuple(map(encodable, self.warnings)),
            again=encodable("; ".join(dict.fromkeys(self.again))),
        )


def _sayable(handed: Handed) -> Handed:
    problems = tuple(map(encodable, handed.problems))
    return Handed(encodable(handed.manifest), handed.batch, problems)


def submit_to(ledger: Ledger) -> Submit:
    """Hands manifests over to this ledger."""

    def submit(manifest: str, reading: Reading, spending: Spending) -> BatchRecord:
        chosen = settings_of(spending)
        with closing(
            load(manifest, reading, spending, chosen, bad_store=Exit.UNREACHABLE)
        ) as found:
            if found.problems.count:
                raise ManifestRefusedError(tuple(problems.lines(found.problems)))
            # It was opened by its name; from here on the name is only stored.
            found.source = encodable(found.source)
            return hand_over(ledger, found, chosen, spending)

    return submit


def options_of(schedule: Schedule) -> tuple[Reading, Spending]:
    """How the manifests of a schedule are read, and what may be spent on each.

    Raises:
        CommandError: the schedule was written by a version that has other options.
    """
    spending = _options(Spending, {**schedule.spending, "yes": True})
    return _options(Reading, schedule.reading), spending


def fire(schedule: Schedule, submit: Submit, course: Course) -> None:
    """Hand over what a schedule names.

    Args:
        schedule: of what.
        submit: takes a manifest.
        course: takes what comes of it, as it comes.
    """
    try:
        options = options_of(schedule)
    except CommandError as stop:
        course.handed += [Handed(m, "", (str(stop),)) for m in schedule.manifests]
        return
    for place in schedule.manifests:
        try:
            found = manifests_at(place, pictures=schedule.pictures)
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            course.again.append(f"{place}: it cannot be read ({why})")
            continue
        if not found:
            course.warnings.append(f"{place}: {_NOTHING}")
        for manifest in found:
            try:
                _hand_over(course, manifest, submit, options)
            except LedgerError:
                raise
            except JobsDeletedError as error:
                course.again.append(f"{manifest}: {error}")
            except Exception as error:
                # The other manifests are not to wait until somebody has mended it.
                log.exception("%s: a mistake in reelmill", manifest)
                course.again.append(f"{manifest}: a mistake in reelmill: {error!r}")


def manifests_at(place: str, *, pictures: bool = False) -> list[str]:
    """What a place of a schedule means now, in the order of the names.

    A pattern means the files that fit; a folder the manifests in it, or with `pictures`
    its pictures, whatever else lies there now; all else is a manifest itself.

    Raises:
        OSError: it cannot be looked into.
    """
    path = Path(place)
    if is_bucket(place) or path.is_file():
        return [place]
    if any(sign in place for sign in "*?[") and not path.exists():
        fitting = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        return sorted(str(each) for each in fitting if _is_manifest(each))
    if pictures or not path.is_dir():
        return [place]
    return sorted(str(each) for each in path.iterdir() if _is_manifest(each))


def _is_manifest(path: Path) -> bool:
    return (
        not path.name.startswith(".")
        and path.suffix.lower() in ENDINGS
        and not path.is_dir()
    )


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


def _hand_over(
    course: Course, manifest: str, submit: Submit, options: tuple[Reading, Spending]
) -> None:
    """Hand a manifest over, and write down what came of it."""
    try:
        batch = submit(manifest, *options)
    except ManifestRefusedError as refused:
        lines = refused.lines
        more = len(lines) - MOST_LINES
        tail = (f"and {more} more lines",) if more > 0 else ()
        course.handed.append(Handed(manifest, "", (*lines[:MOST_LINES], *tail)))
    except CommandError as stop:
        if stop.code is Exit.UNREACHABLE:
            course.again.append(f"{manifest}: {stop}")
        else:
            course.handed.append(Handed(manifest, "", (str(stop),)))
    else:
        course.handed.append(Handed(manifest, batch.id))
        if batch.cancelled:
            words = f"{batch.id} was cancelled before, and nothing more of it is sent"
            course.warnings.append(words)


def _options(kind: type[_Options], given: Mapping[str, Any]) -> _Options:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in given.items()
    }
    try:
        return kind(**values)
    except TypeError:
        raise CommandError(
            "the schedule was made by another version of reelmill, with options that "
            "this one does not have; add it again with --replace"
        ) from None
