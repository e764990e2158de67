"""Manifests for tests: written, read, and what was told about them."""

from pathlib import Path

from hypothesis import HealthCheck, settings

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.columns import Columns
from jobs.manifest.rows import Header, Problem, Row, Skipped
from producer.manifests.plan import Options, Record, plan, records
from tests.jobs.manifest.asked import Found, flat

URL = "https://example.com/mug.jpg"
OPTIONS = Options(model="kling-v2.6-std")
HEADER = "id,image,prompt\n"
COLUMNS = Columns(builtin())
#: Each example may write over the file of the one before.
DRAWN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def planned(
    path: Path, content: str | bytes, options: Options = OPTIONS
) -> list[Found]:
    """What a manifest with this content comes to."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return flat(plan(path, options, builtin()))


def recorded(
    path: Path | str, encoding: str = "utf-8", sheet: str | None = None
) -> list[Record]:
    """What a source is read as."""
    return list(records(str(path), COLUMNS, Options(encoding=encoding, sheet=sheet)))


def jobs_of(found: list[Found]) -> list[Job]:
    assert [str(one) for one in found if isinstance(one, Problem)] == []
    return [one for one in found if isinstance(one, Job)]


def ids_of(found: list[Found]) -> list[str]:
    """Ids of the jobs, whatever else was found."""
    return [one.id for one in found if isinstance(one, Job)]


def rows_of(found: list[Record]) -> list[Row]:
    assert [str(one) for one in found if isinstance(one, Problem)] == []
    return [one for one in found if isinstance(one, Row)]


def skipped(found: list[Record] | list[Found]) -> list[str]:
    """Why records were passed over."""
    return [one.reason for one in found if isinstance(one, Skipped)]


def names_of(found: list[Record]) -> tuple[str, ...]:
    return next(one.names for one in found if isinstance(one, Header))


def told(
    found: list[Record] | list[Found],
) -> list[tuple[int | None, str | int | None, str]]:
    return [
        (one.line, one.column, one.kind) for one in found if isinstance(one, Problem)
    ]
