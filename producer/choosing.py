"""The settings of a command: what the environment says, or a sentence about it."""

from typing import Any

from jobs.settings import BadSettings, Settings, read
from producer.exits import Stop


def chosen_settings(**overrides: Any) -> Settings:  # noqa: ANN401 - a setting has its own type
    """The settings of this environment; `overrides` by field name win.

    Raises:
        Stop: a variable is wrong.
    """
    try:
        return read(None, **overrides)
    except BadSettings as error:
        raise Stop(f"{error}\nnothing was done; set it right, or unset it") from None
