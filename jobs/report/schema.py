"""The JSON Schema of `report.json`: what other programs may rely on.

It is data, in `report.schema.json`, and travels with the package; `document` makes what
it describes. A report is never checked against it in a batch: the tests do that.
"""

from functools import cache
from importlib import resources


@cache
def text() -> str:
    """The schema (JSON Schema, draft 2020-12), as it lies in its file."""
    file = resources.files("jobs.report") / "report.schema.json"
    return file.read_text(encoding="utf-8")
