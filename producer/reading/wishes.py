"""What a YAML manifest can ask for besides its rows.

It decides nothing: `yaml_rows` finds these in a file, `opening` follows the one to
items that stand elsewhere, and `plan` hands the other to the manifest.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyTemplateWish:
    """The template of store keys that a manifest brings along."""

    #: The manifest, as the person named it.
    file: str
    line: int
    #: The template as it is written.
    text: str


@dataclass(frozen=True, slots=True)
class ItemsWish:
    """Rows that stand elsewhere: in another file, a folder or a bucket."""

    #: The manifest that says so, as the person named it.
    file: str
    line: int
    #: As it is written: a path relative to the manifest's folder, or a bucket's URL.
    source: str
    #: Sheet of a workbook; None is its first.
    sheet: str | None = None
    #: How the other file's text is encoded; None is as the manifest's own.
    encoding: str | None = None
    #: What form the other file has; None is told by its ending.
    form: str | None = None
