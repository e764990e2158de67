"""Options that several commands share, and the settings that they change."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter, Token
from cyclopts.validators import Number

from jobs.labels import LabelError, parsed
from jobs.settings import Settings, SettingsError, read
from producer.exits import CommandError


def _no_option(_kind: object, value: str) -> None:
    """A manifest is `-` or has a name; what looks like an option is a slip."""
    if value.startswith("-") and value != "-":
        raise ValueError(f"{value} is no option of this command")


def _word(_kind: object, tokens: Sequence[Token]) -> str:
    return tokens[0].value


if TYPE_CHECKING:
    Manifest = str
else:
    #: `-` alone is standard input. Shells are told that it is a path, so that they
    #: complete it; commands are given the text as it is, for it may be an address.
    Manifest = Annotated[
        Path,
        Parameter(allow_leading_hyphen=True, validator=_no_option, converter=_word),
    ]


def _known(what: Literal["batches", "models", "schedules"]) -> Parameter:
    """What a shell may complete an argument with, looked up when it asks."""

    def complete(_context: object) -> list[str]:
        found: Callable[[], list[str]]
        found = getattr(import_module("producer.completing"), what)
        return found()

    return Parameter(completer=complete)


#: Ids and names that a shell completes.
Batch = Annotated[str, _known("batches")]
AnyBatch = Annotated[str | None, _known("batches")]
AnyModel = Annotated[str | None, _known("models")]
ScheduleName = Annotated[str, _known("schedules")]

Json = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Annotated[bool, Parameter(negative="")]
Count = Annotated[int, Parameter(validator=Number(gte=1))]
Limit = Annotated[int | None, Parameter(validator=Number(gte=1))]
#: How many rows are shown as they will be sent.
Show = Annotated[int, Parameter(validator=Number(gte=0))]
ShowBefore = Annotated[int | None, Parameter(validator=Number(gte=0))]
SHOWN = 3

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


@Parameter(name="*", group=_MANIFEST, negative="")
@dataclass(frozen=True, slots=True)
class Reading:
    """How a manifest is read."""

    model: str | None = None
    """Model of rows that name none."""
    prompt: str | None = None
    """Prompt of rows that have none; `{{ title }}` stands for a row's own column."""
    set: Annotated[tuple[str, ...], Parameter(allow_repeating=True)] = ()
    """A value for what rows leave empty, as NAME=VALUE; repeatable."""
    map: Annotated[tuple[str, ...], Parameter(allow_repeating=True)] = ()
    """Which column feeds an input, as INPUT=COLUMN; repeatable."""
    key: str | None = None
    """Template of the videos' names in the store; `{batch}/{id}.mp4`."""
    encoding: str = "utf-8"
    """How the text of the file is encoded."""
    form: str | None = None
    """Form of the manifest, where it does not tell: csv, json, xlsx and so on."""
    sheet: str | None = None
    """Sheet of a spreadsheet; the first with a table if none is named."""
    header_line: Limit = None
    """Line of a table that names its columns, where it is not found."""
    visible_only: bool = False
    """Leave out rows that are hidden in the spreadsheet."""
    only_first_pictures: bool = False
    """Of a shop's export, one video for each product: of its first picture."""
    every_picture: bool = False
    """Of a row with several pictures, one video for each of them."""
    pictures_at: str | None = None
    """Address or folder that stands before pictures that are no whole address."""
    only_failed: str | None = None
    """Only the rows that failed in this batch."""
    where: Annotated[tuple[str, ...], Parameter(allow_repeating=True)] = ()
    """Only rows with COLUMN=VALUE; `!=` is not, `~` contains, `!~` not; repeatable."""
    ids: str | None = None
    """Only the rows with these ids, separated by commas."""
    limit: Limit = None
    """Only the first videos, so many, of what the other options leave."""
    skip_without_picture: bool = False
    """Skip rows without a picture."""
    skip_problems: bool = False
    """Skip rows with a problem; they are written to a file, with the reasons."""
    convert: bool = False
    """Make upright RGB JPEGs of pictures that models do not take, and upload them."""
    offline: bool = False
    """Use the last copy of the provider's list of models, whatever its age."""
    look: Annotated[bool, Parameter(negative="--no-look")] = True
    """Look at every picture before anything is paid."""


@Parameter(name="*", group=_SPENDING, negative="")
@dataclass(frozen=True, slots=True)
class BatchOptions:
    """What the batch of a manifest is like."""

    budget: str | None = None
    """Most dollars that the batch may cost; a batch stopped by it can go on later."""
    store: str | None = None
    """Folder or URL for videos and reports, instead of `REELMILL_STORE`."""
    priority: Annotated[int, Parameter(validator=Number(gte=1, lte=1000))] = 1
    """Weight against other batches of the account."""
    label: LabelOption = ()
    """A label for the batch, such as `team=shoes`, for statements; repeatable."""
    fresh: bool = False
    """Render also what was rendered before."""
    fresh_ledger: bool = False
    """Begin an empty ledger beside a store that another one uses."""
    allow_unknown_price: bool = False
    """Render rows whose price neither the provider nor the catalogue tells."""


@Parameter(name="*", group=_SPENDING, negative="")
@dataclass(frozen=True, slots=True)
class Spending(BatchOptions):
    """What may be spent, and where to."""

    yes: bool = False
    """Do not ask before spending."""


@Parameter(name="*", group=_WHEN, negative="")
@dataclass(frozen=True, slots=True)
class When:
    """When a schedule fires, and what it takes."""

    cron: str | None = None
    """When: minute, hour, day, month, weekday, such as "0 22 * * *"."""
    zone: str = "UTC"
    """Time zone of these times, such as Europe/Berlin."""
    by: str = ""
    """Time of day by which it must be done; people are warned if it will not be."""
    late: str | None = None
    """How late it may still fire, such as 6h."""
    pictures: bool = False
    """Take the pictures of the folders that are named, not the manifests in them."""
    replace: bool = False
    """Put it in place of a schedule of that name."""


@Parameter(name="*", group=_STATEMENT, negative="")
@dataclass(frozen=True, slots=True)
class Over:
    """Which time a statement is about, and which batches."""

    since: str | None = None
    """Sum up all batches since then: 12h, 30d, 4w, or a day (UTC) as 2026-11-01."""
    until: str | None = None
    """End of that time, itself not in it, written the same way."""
    label: LabelOption = ()
    """Only batches with this label, such as `team=shoes`; repeatable."""
    dismiss: bool = False
    """With --billed: charges that no row explains are known from now on."""


#: What a command does when no option is given.
READING = Reading()
BATCH_OPTIONS = BatchOptions()
SPENDING = Spending()
WHEN = When()
OVER = Over()


def command_line(command: str, manifest: str, reading: Reading) -> str:
    """The whole command with every option of `reading` that was given, for a shell."""
    options = (
        word
        for field in fields(reading)
        if (value := getattr(reading, field.name)) != field.default
        for word in _option_words(field.name.replace("_", "-"), value)
    )
    return shlex.join(["reelmill", command, manifest, *options])


def _option_words(name: str, value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield f"--{name}" if value else f"--no-{name}"
        return
    for text in map(str, value if isinstance(value, tuple) else (value,)):
        # A value that begins like an option is only taken behind an equals sign.
        yield from [f"--{name}={text}"] if text[:1] == "-" else [f"--{name}", text]


def chosen_settings(**overrides: object) -> Settings:
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
