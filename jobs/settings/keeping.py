"""The settings of how videos and records are kept: a part of `settings`."""

from typing import Literal

from pydantic import BaseModel, Field, field_validator


class KeepingSettings(BaseModel):
    """How long a video may take to come, what is kept beside it, and for how long."""

    download_timeout_s: float = Field(
        600.0,
        alias="REELMILL_DOWNLOAD_TIMEOUT_S",
        description="patience for one whole video",
        ge=1,
        le=3_000,
    )
    posters: Literal["auto", "off"] = Field(
        "auto",
        alias="REELMILL_POSTERS",
        description="a poster beside each video: auto, where it can be made, or off",
    )

    store_checksum: Literal["on", "off"] = Field(
        "on",
        alias="REELMILL_STORE_CHECKSUM",
        description="off for a store that refuses checksums, as Backblaze B2 does",
    )

    keep_days: int = Field(
        30,
        alias="REELMILL_KEEP_DAYS",
        description="days that job records are kept after their batch was reported",
        ge=1,
        le=36_500,
    )

    reuse_days: int = Field(
        # Longer than from one season to the same of the next year.
        400,
        alias="REELMILL_REUSE_DAYS",
        description="days that videos are reused after their job records were deleted",
        ge=1,
        le=36_500,
    )

    @field_validator("posters", "store_checksum", mode="before")
    @classmethod
    def _in_any_case(cls, word: object) -> object:
        return word.strip().lower() if isinstance(word, str) else word
