"""Reads manifests: from what a user names to jobs and problems, a row at a time.

To add a form, write a module with one function that takes the opened file and yields
a `Header` if there are columns, a `Row` with its line for each record, and a `Problem`
for each mistake at its place. Then add its name and endings to `source.py`, and its
call to `plan.py`.
"""

from producer.manifests.plan import Options, plan, records

__all__ = ["Options", "plan", "records"]
