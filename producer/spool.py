"""Texts that are too many for the memory, in a temporary file and in their order."""

import tempfile
from collections.abc import Iterator
from typing import IO, Self


class Spool:
    """Lines of several texts; the file is gone with the process, however it ends."""

    def __init__(self) -> None:
        self._file: IO[str] | None = None

    def write(self, *texts: str) -> None:
        """Add a line; its texts, such as JSON, have no tab and no end of a line."""
        if self._file is None:
            self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it outlives this call
        self._file.write("\t".join(texts) + "\n")

    def __iter__(self) -> Iterator[list[str]]:
        """The lines from the first on; one reading at a time."""
        if self._file is not None:
            self._file.seek(0)
        for line in self._file or ():
            yield line[:-1].split("\t")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
