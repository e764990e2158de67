"""The settings of when finished batches are archived: a part of `settings`."""

import re

from pydantic import BaseModel, Field, field_validator

#: In place of seconds: no batch is archived unless a person says so.
NEVER = "never"


#: Longer than from one season to the same of the next year.
REUSE_DAYS = 400


class ArchiveSettings(BaseModel):
    """When the jobs of a finished batch go from the ledger into its store."""

    archive_after: str = Field(
        "691200",
        alias="REELMILL_ARCHIVE_AFTER_S",
        description="seconds until a reported batch is archived to its store, or never",
    )

    reuse_days: int = Field(
        REUSE_DAYS,
        alias="REELMILL_REUSE_DAYS",
        description="days that the videos of an archived batch are reused",
        ge=1,
        le=36_500,
    )

    @field_validator("archive_after")
    @classmethod
    def _is_a_time(cls, text: str) -> str:
        word = text.strip().lower()
        if word != NEVER and not re.fullmatch(r"\d{1,10}(\.\d{1,6})?", word):
            raise ValueError(f"must be seconds, such as 691200, or {NEVER}")
        return word

    @property
    def archive_after_s(self) -> float | None:
        """Seconds that a reported batch rests before it is archived; None is never."""
        return None if self.archive_after == NEVER else float(self.archive_after)
