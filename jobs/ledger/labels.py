"""How the labels of a batch lie in its hash: a field each.

So two people can add labels at once and neither loses one. What a label is stands in
`jobs.batch.labels`.
"""

from collections.abc import Mapping

#: Begins the name of the field of a label.
FIELD = "label:"


def fields(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels as fields of their batch."""
    return {FIELD + name: value for name, value in labels.items()}


def of(raw: Mapping[str, str]) -> dict[str, str]:
    """The labels among the fields of a batch."""
    found = {k.removeprefix(FIELD): v for k, v in raw.items() if k.startswith(FIELD)}
    return dict(sorted(found.items()))
