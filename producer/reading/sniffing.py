"""What form a manifest has, and whether its first bytes agree.

It decides by the ending of the name, or by the first bytes where there is no name, and
refuses what plainly is something else: a web page saved as CSV, a PDF, a picture. What
the text says is left to the readers of the forms; no encoding is ever guessed.
"""

import codecs
import re
from collections.abc import Mapping
from pathlib import PurePath

from jobs.manifest.rows import Problem
from jobs.wording import choice, shown
from producer.reading.sources import STDIN
from producer.reading.unreadable import UnreadableError, whole

#: Bytes that are looked at.
START_BYTES = 4096

ENDINGS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
}
FORMS = ("csv", "jsonl", "yaml", "xlsx")

_OTHER_SHEETS = {".xls", ".xlsb", ".ods", ".numbers"}
_ZIP = b"PK\x03\x04"
#: How files begin that nobody can mean as a manifest, and what they are.
_BEGINNINGS = {
    b"%PDF-": "a PDF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"RIFF": "a picture or a sound",
    b"\x1f\x8b": "a packed file (gzip)",
    b"BZh": "a packed file (bzip2)",
    b"\xfd7zXZ": "a packed file (xz)",
    b"(\xb5/\xfd": "a packed file (zstd)",
    b"7z\xbc\xaf": "a packed file (7z)",
    b"SQLite format 3": "a database",
    b"{\\rtf": "a text document (RTF)",
}
_OLE = b"\xd0\xcf\x11\xe0"
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE,
)
_XML = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml\b")
_BOMS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    codecs.BOM_UTF8: "UTF-8",
}
_WIDE = re.compile(r"utf[-_]?(?:16|32)")
#: Control characters that no text has; tab, line ends, form feed and escape may be.
_CONTROLS = bytes({*range(0x20), 0x7F} - {0x09, 0x0A, 0x0C, 0x0D, 0x1B})
#: A stray one is told with its line; so many tell that it is no text at all.
_MOST_CONTROLS = 0.05
_FEW_CONTROLS = 8
#: A YAML manifest begins with a comment, a list, or one of its names.
_YAML = re.compile(r"(?:%|---|#|-\s|(?:defaults|columns|items|rows|key|sheet)\s*:)")


def form_of(name: str, start: bytes, form: str | None) -> str:
    """One of `FORMS`: the one that is asked for, else by ending or first bytes.

    Raises:
        UnreadableError: there is no such form, or the file is plainly something else.
    """
    if form is not None and form not in FORMS:
        message = f"there is no form {shown(form)} of manifests"
        suggestion = f"write {choice(FORMS)}"
        raise UnreadableError(
            Problem("command line", None, "form", form, message, suggestion, "form")
        )
    found = form or (_sniffed(start) if name == STDIN else _by_ending(name))
    if not start:
        message = "it is empty"
        suggestion = "write one row for each video"
        raise UnreadableError(whole(name, "empty", message, suggestion))
    if problem := _something_else(name, start, found):
        raise UnreadableError(problem)
    return found


def is_encoding(name: str) -> bool:
    """True if there is a text encoding of this name."""
    try:
        b"".decode(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def is_utf_8(encoding: str) -> bool:
    """True for any spelling of UTF-8, with or without its mark."""
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}


def check_encoding(name: str, encoding: str, start: bytes) -> None:
    """Holds an encoding against the mark that a file begins with.

    Raises:
        UnreadableError: there is no such encoding, or the mark says another one.
    """
    if not is_encoding(encoding):
        message = f"there is no text encoding {shown(encoding)}"
        suggestion = "write one such as utf-8 or cp1252"
        raise UnreadableError(
            Problem(
                "command line",
                None,
                "encoding",
                encoding,
                message,
                suggestion,
                "encoding",
            )
        )
    if _WIDE.match(encoding.casefold()):
        return
    for mark, found in _BOMS.items():
        if start.startswith(mark):
            if found == "UTF-8" and is_utf_8(encoding):
                return
            raise _encoded_as(name, found)
    if _is_wide(start):
        raise _encoded_as(name, "UTF-16-LE" if start[1] == 0 else "UTF-16-BE")


def _encoded_as(name: str, found: str) -> UnreadableError:
    message = f"it is saved as {found}"
    suggestion = f"save it as UTF-8 or pass --encoding {found.lower()}"
    if found == "UTF-8":
        suggestion = "leave out --encoding"
    return UnreadableError(whole(name, "encoding", message, suggestion))


def _is_wide(start: bytes) -> bool:
    """True for Latin letters in UTF-16: every other byte is NUL, and only those."""
    half = len(start) // 2
    few = half // 10
    even, odd = start[0::2].count(0), start[1::2].count(0)
    return half > 1 and max(even, odd) >= half - few and min(even, odd) == 0


def _by_ending(name: str) -> str:
    ending = PurePath(name).suffix.casefold()
    if found := ENDINGS.get(ending):
        return found
    if ending in _OTHER_SHEETS:
        suggestion = "save it as .xlsx or as “CSV UTF-8” and name that file"
    elif ending == ".json":
        suggestion = "write one object a line and name the file .jsonl"
    else:
        suggestion = f"name it {choice(ENDINGS)} for what is in it, or pass --form"
    message = f"its ending {shown(ending)} says no form of manifest"
    raise UnreadableError(whole(name, "ending", message, suggestion))


def _sniffed(start: bytes) -> str:
    """The form of what came without a name."""
    if start.startswith(_ZIP):
        return "xlsx"
    # Only signs of ASCII are looked for, and any decoding leaves those alone.
    text = start.replace(b"\0", b"").decode("utf-8-sig", "ignore")
    text = text.lstrip("\ufeff").lstrip()
    if text.startswith(("{", "[")):
        return "jsonl"
    return "yaml" if _YAML.match(text) else "csv"


def _something_else(name: str, start: bytes, form: str) -> Problem | None:
    """What a file is if it cannot be of this form."""
    what, suggestion = _named(start, form)
    if not what:
        return None
    return whole(
        name, "not-a-manifest", f"it is {what}, not {_called(form)}", suggestion
    )


def _called(form: str) -> str:
    return {"csv": "a table of text", "xlsx": "a workbook"}.get(form, form.upper())


def _named(start: bytes, form: str) -> tuple[str, str]:
    """What the first bytes are the beginning of, and what to do about it."""
    found, suggestion = "", "export the table as CSV or .xlsx"
    for beginning, what in _BEGINNINGS.items():
        if start.startswith(beginning):
            found = what
    if found.startswith("a packed"):
        suggestion = "unpack it first"
    elif _PAGE.match(start):
        found = "a web page"
        suggestion = "open the link in a browser and save the file behind it"
    elif not found and form != "xlsx":
        found, suggestion = _named_no_text(start, suggestion)
    return found, suggestion


def _named_no_text(start: bytes, suggestion: str) -> tuple[str, str]:
    """What bytes are that should be text; empty if they may be."""
    if start.startswith(_ZIP):
        return "a packed file, such as a workbook", "name a workbook .xlsx"
    if start.startswith(_OLE):
        return "an old or locked workbook", "save it as “CSV UTF-8” or .xlsx"
    if _XML.match(start):
        return "an XML document", suggestion
    return (
        ("no text", "check that it is a manifest") if _is_no_text(start) else ("", "")
    )


def _is_no_text(start: bytes) -> bool:
    if _is_wide(start) or start.startswith(tuple(_BOMS)):
        return False
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return controls > max(_FEW_CONTROLS, len(start) * _MOST_CONTROLS)
