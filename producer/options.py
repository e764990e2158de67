"""Options that several commands share, and the settings that they change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from jobs.labels import LabelError, parsed
from jobs.settings import Settings, SettingsError, read
from producer.exits import CommandError

_MANIFEST = Group("Manifest", sort_key=1)
_SPENDING = Group("Spending", sort_key=2)
_WHEN = Group("When", sort_key=0)
_STATEMENT = Group("Statement", sort_key=1)


def _checked(_kind: object, label: str) -> None:
    """Refuse a label that is none at once, before anything is read."""
    parsed([label])


#: `--label team=shoes`, as often as one likes.
LabelOption = Annotated[
    tuple[Annotated[str, Parameter(validator=_checked)], ...],
    Parameter(name="--label", negative="", allow_repeating=True, show_default=False),
]


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Reading:
    """How a manifest is read."""

    model: Annotated[str | None, Parameter(group=_MANIFEST)] = None
    """Model of rows that name none."""
    prompt: Annotated[str | None, Parameter(group=_MANIFEST)] = None
    """Prompt of rows that have none; `{{ title }}` stands for a row's own column."""
    set: Annotated[
        tuple[str, ...], Parameter(group=_MANIFEST, negative="", allow_repeating=True)
    ] = ()
    """A value for what rows leave empty, as NAME=VALUE; repeatable."""
    map: Annotated[
        tuple[str, ...], Parameter(group=_MANIFEST, negative="", allow_repeating=True)
    ] = ()
    """Which column feeds an input, as INPUT=COLUMN; repeatable."""
    key: Annotated[str | None, Parameter(group=_MANIFEST)] = None
    """Template of the videos' names in the store; `{batch}/{id}.mp4`."""
    encoding: Annotated[str, Parameter(group=_MANIFEST)] = "utf-8"
    """How the text of the file is encoded."""
    form: Annotated[str | None, Parameter(group=_MANIFEST)] = None
    """Form of the manifest, where its name does not tell: csv, jsonl, yaml, xlsx."""
    sheet: Annotated[str | None, Parameter(group=_MANIFEST)] = None
    """Sheet of a spreadsheet; the first if none is named."""
    only_first_pictures: Annotated[bool, Parameter(group=_MANIFEST, negative="")] = (
        False
    )
    """Of a shop's export, one video for each product: of its first picture."""
    only_failed: Annotated[str | None, Parameter(group=_MANIFEST)] = None
    """Only the rows that failed in this batch."""
    look: Annotated[bool, Parameter(group=_MANIFEST, negative="--no-look")] = True
    """Look at every picture before anything is paid."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Spending:
    """What may be spent, and where to."""

    yes: Annotated[bool, Parameter(group=_SPENDING, negative="")] = False
    """Do not ask before spending."""
    budget: Annotated[str | None, Parameter(group=_SPENDING)] = None
    """Most dollars that the batch may cost; a batch stopped by it can go on later."""
    store: Annotated[str | None, Parameter(group=_SPENDING)] = None
    """Folder or URL for videos and reports, instead of `REELMILL_STORE`."""
    priority: Annotated[
        int, Parameter(group=_SPENDING, validator=Number(gte=1, lte=1000))
    ] = 1
    """Weight against other batches of the account."""
    label: Annotated[LabelOption, Parameter(group=_SPENDING)] = ()
    """A label for the batch, such as `team=shoes`, for statements; repeatable."""
    fresh: Annotated[bool, Parameter(group=_SPENDING, negative="")] = False
    """Render also what was rendered before."""
    fresh_ledger: Annotated[bool, Parameter(group=_SPENDING, negative="")] = False
    """Begin an empty ledger beside a store that another one uses."""
    allow_unknown_price: Annotated[bool, Parameter(group=_SPENDING, negative="")] = (
        False
    )
    """Render rows whose price neither the provider nor the catalogue tells."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class When:
    """When a schedule fires, and what it takes."""

    cron: Annotated[str | None, Parameter(group=_WHEN)] = None
    """When: minute, hour, day, month, weekday, such as "0 22 * * *"."""
    zone: Annotated[str, Parameter(group=_WHEN)] = "UTC"
    """Time zone of these times, such as Europe/Berlin."""
    by: Annotated[str, Parameter(group=_WHEN)] = ""
    """Time of day by which it must be done; people are warned if it will not be."""
    late: Annotated[str | None, Parameter(group=_WHEN)] = None
    """How late it may still fire, such as 6h."""
    pictures: Annotated[bool, Parameter(group=_WHEN, negative="")] = False
    """Take the pictures of the folders that are named, not the manifests in them."""
    replace: Annotated[bool, Parameter(group=_WHEN, negative="")] = False
    """Put it in place of a schedule of that name."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Over:
    """Which time a statement is about, and which batches."""

    since: Annotated[str | None, Parameter(group=_STATEMENT)] = None
    """Sum up all batches since then: 12h, 30d, 4w, or a day (UTC) as 2026-11-01."""
    until: Annotated[str | None, Parameter(group=_STATEMENT)] = None
    """End of that time, itself not in it, written the same way."""
    label: Annotated[LabelOption, Parameter(group=_STATEMENT)] = ()
    """Only batches with this label, such as `team=shoes`; repeatable."""
    dismiss: Annotated[bool, Parameter(group=_STATEMENT, negative="")] = False
    """With --billed: charges that no row explains are known from now on."""


#: What a command does when no option is given.
READING = Reading()
SPENDING = Spending()
WHEN = When()
OVER = Over()


def chosen_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - a setting has its own type
    """The settings of this environment; `overrides` by field name win.

    Raises:
        CommandError: a variable is wrong.
    """
    try:
        return read(None, **overrides)
    except SettingsError as error:
        raise CommandError(
            f"{error}\nnothing was done; set it right, or unset it"
        ) from None


def given_labels(texts: Sequence[str]) -> dict[str, str]:
    """The labels that `--label` options name.

    Raises:
        CommandError: one of them is none.
    """
    try:
        return parsed(texts)
    except LabelError as bad:
        raise CommandError(f"--label: {bad}") from None
