"""The setting of when finished batches are archived: a part of `settings`."""

import re

from pydantic import BaseModel, Field, field_validator

#: In place of seconds: no batch is archived unless a person says so.
NEVER = "never"


class ArchiveSettings(BaseModel):
    """When the jobs of a finished batch go from the ledger into its store."""

    archive_after: str = Field(
        "691200",
        alias="REELMILL_ARCHIVE_AFTER_S",
        description="seconds until a reported batch is archived to its store, or never",
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
