"""The labels that a command gives to a batch, and what is said of those not taken.

A batch keeps the labels it has: a statement that was made must not change because a
manifest was handed in again. How labels are written is decided in `jobs.batch.labels`.
"""

from collections.abc import Mapping, Sequence

from jobs.batch import labels
from jobs.batch.labels import LabelError
from jobs.records import BatchRecord
from producer import console
from producer.exits import CommandError


def given(texts: Sequence[str]) -> dict[str, str]:
    """The labels that options name.

    Raises:
        CommandError: one of them is none.
    """
    try:
        return labels.parsed(texts)
    except LabelError as bad:
        raise CommandError(f"--label: {bad}") from None


def tell_kept(there: BatchRecord | None, new: Mapping[str, str]) -> None:
    """Say which labels a batch does not take, if it is there; those it lacks it takes.

    Raises:
        CommandError: with those it would have too many.
    """
    if there is None:
        return
    try:
        labels.missing(there.labels, new)
    except LabelError as bad:
        raise CommandError(f"--label: {there.id}: {bad}") from None
    other = {n: v for n, v in new.items() if there.labels.get(n, v) != v}
    if other:
        kept = {name: there.labels[name] for name in other}
        console.say(
            f"{there.id} keeps its label {labels.told(kept)}; "
            f"{labels.told(other)} is not taken"
        )
