"""The sheets of a workbook: their names, and the parts that hold them.

It decides which sheet is meant and never reads one; charts and macros, which are sheets
too, do not count. What a sheet holds is looked at in `xlsx_cells`.
"""

import posixpath
from collections.abc import Mapping

from jobs.manifest.rows import Problem
from jobs.wording import choice, guesses, shown
from producer.reading.unreadable import Unreadable
from producer.reading.xlsx_parts import Parts
from producer.reading.xlsx_xml import Elements, parse

_WORKBOOK = "xl/workbook.xml"
_LINKS = "xl/_rels/workbook.xml.rels"


class _Links(Elements):
    """Parts that hold sheets, by the ids that the workbook gives them."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if name == "Relationship" and given.get("Type", "").endswith("/worksheet"):
            target = posixpath.join("/xl", given.get("Target", ""))
            part = posixpath.normpath(target).lstrip("/")
            self.parts[given.get("Id", "")] = part


class _Names(Elements):
    """Ids of the sheets by their names, in the order of the tabs."""

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.hidden: set[str] = set()

    def start(self, name: str, given: Mapping[str, str]) -> None:
        if name != "sheet":
            return
        sheet = given.get("name", "")
        ids = [value for key, value in given.items() if key.endswith("}id")]
        self.ids[sheet] = ids[0] if ids else ""
        if given.get("state", "visible") != "visible":
            self.hidden.add(sheet)


def find_sheet(file: str, parts: Parts, wanted: str | None) -> tuple[str, str]:
    """Name and part of a sheet; the first one to be seen if none is named.

    Raises:
        Unreadable: there is no such sheet, or the workbook is damaged.
    """
    links, names = _Links(), _Names()
    parse(parts, _LINKS, links)
    parse(parts, _WORKBOOK, names)
    found = {
        name: links.parts[known]
        for name, known in names.ids.items()
        if known in links.parts
    }
    if not found:
        raise parts.damaged()
    if wanted is None:
        wanted = next((name for name in found if name not in names.hidden), "")
        wanted = wanted or next(iter(found))
    if wanted in found:
        return wanted, found[wanted]
    near = guesses(wanted, found, most=1)
    suggestion = f"there are {choice(map(shown, found), word='and')}"
    if near:
        suggestion = f"did you mean {shown(near[0])}?"
    message = f"it has no sheet {shown(wanted)}"
    raise Unreadable(Problem(file, None, "sheet", wanted, message, suggestion, "sheet"))
