"""The settings of a command: what the environment says, or a sentence about it."""

from typing import Any

from jobs.settings import Settings, SettingsError, read
from producer.exits import CommandError


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
