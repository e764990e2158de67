"""The settings of how videos are fetched and kept: a part of `settings`."""

from typing import Literal

from pydantic import BaseModel, Field, field_validator


class KeepingSettings(BaseModel):
    """How long a video may take to come, and what is kept beside it."""

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

    @field_validator("posters", "store_checksum", mode="before")
    @classmethod
    def _in_any_case(cls, word: object) -> object:
        return word.strip().lower() if isinstance(word, str) else word
