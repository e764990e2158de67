"""Reads manifests: from what a user names to jobs and problems, a row at a time.

To add a form, write a module with one function that takes the opened file and yields
a `Header` if there are columns, a `Row` with its line for each record, and a `Problem`
for each mistake at its place; it goes on behind a mistake where the form allows. Then
add its name and endings to `source.py`, how it is told where there is no name, and its
call to `records.py`, which imports a library only where it is needed.
"""

from producer.manifests.plan import plan
from producer.manifests.records import Options, Record, records
from producer.manifests.source import base_of
from producer.manifests.yaml import KeyTemplate

__all__ = ["KeyTemplate", "Options", "Record", "base_of", "plan", "records"]
