"""Jobs set aside in a temporary file between reading a manifest and handing it over.

A manifest is read once, whatever it is read from, and its jobs are gone through several
times: for their pictures, their price, their batch. None of it is held in memory.
"""

import tempfile
from collections.abc import Iterator

from jobs.job import Job


class Spool:
    """Jobs in their order, to be written first and then read as often as needed."""

    def __init__(self) -> None:
        # Closed with the spool, and gone with the process however it ends.
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - as above

    def write(self, job: Job) -> None:
        """Add one job."""
        self._file.write(job.to_json())
        self._file.write("\n")

    def __iter__(self) -> Iterator[Job]:
        self._file.seek(0)
        for line in self._file:
            yield Job.from_json(line)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()
