"""Opens what a user names as a manifest, and tells its form and its encoding."""

import codecs
import io
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from jobs.manifest.rows import Problem
from jobs.text import choice, shown

STDIN = "-"
#: How many bytes tell the form and the encoding.
START_BYTES = 4096
FORMS = ("csv", "jsonl", "yaml", "xlsx")
#: Forms by the ending of a file's name.
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
_BUCKETS = ("s3://", "gs://", "az://")
#: Endings of what `reelmill init` writes.
_WRITTEN = (".csv", ".yaml", ".yml")
_OTHER_SHEETS = {".xls", ".xlsb", ".ods", ".numbers"}
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
#: Encodings by the mark that a file begins with; the longer marks first.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
#: A YAML manifest begins with a comment, a list, or one of its names.
_YAML = re.compile(r"(?:%|---|#|-\s|(?:defaults|columns|items|rows|key|sheet)\s*:)")


class UnreadableError(Exception):
    """A manifest that cannot be read on; it carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def whole(file: str, kind: str, message: str, suggestion: str) -> Problem:
    """A problem of the file as a whole, with no line."""
    return Problem(file, None, None, None, message, suggestion, kind)


def is_bucket(source: str) -> bool:
    """True for the URL of a bucket or of a prefix in one."""
    return source.casefold().startswith(_BUCKETS)


def is_folder(source: str) -> bool:
    """True if a folder is there; it is a manifest of the pictures in it."""
    with suppress(OSError):  # a name that is too long
        # An empty name is this folder to `Path`, and would be the whole machine.
        return bool(source) and Path(source).is_dir()
    return False


def path_of(source: str) -> str:
    """The path that a source means; `file://` addresses are paths too.

    Raises:
        UnreadableError: it is an address on the web, or no name at all.
    """
    if not source:
        message, suggestion = "no manifest is named", "name a file or a folder"
        raise UnreadableError(whole(source, "not-found", message, suggestion))
    scheme = source.partition("://")[0].casefold() if "://" in source else ""
    if scheme == "file":
        return unquote(urlsplit(source).path)
    if scheme in {"http", "https"}:
        message = "a manifest is not fetched from the web"
        suggestion = "download it and name the file"
        raise UnreadableError(whole(source, "not-a-file", message, suggestion))
    return source


@contextmanager
def opened(path: str, stdin: BinaryIO | None = None) -> Iterator[BinaryIO]:
    """A file, or standard input for `-`, as bytes that can be read twice.

    Raises:
        UnreadableError: it is no regular file, or cannot be opened or read.
    """
    try:
        if path == STDIN:
            yield io.BytesIO((stdin or sys.stdin.buffer).read())
            return
        if "\0" in path:  # `Path` would raise a ValueError
            raise UnreadableError(
                whole(path, "not-found", "no file has such a name", "check the name")
            )
        if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe would wait for ever
            message = "it is not a regular file"
            suggestion = f"name a file, or pipe it in and name {STDIN} as the manifest"
            raise UnreadableError(whole(path, "not-a-file", message, suggestion))
        with Path(path).open("rb") as file:
            yield file
    except FileNotFoundError:
        suggestion = "check the name"
        if Path(path).suffix.casefold() in _WRITTEN:
            suggestion += ", or let reelmill init write one to begin with"
        problem = whole(path, "not-found", "there is no such file", suggestion)
        raise UnreadableError(problem) from None
    except OSError as error:
        message = f"it cannot be read ({(error.strerror or str(error)).lower()})"
        suggestion = "check its name and its permissions"
        problem = whole(path, "unreadable", message, suggestion)
        raise UnreadableError(problem) from None


def form_of(name: str, start: bytes, form: str | None) -> str:
    """One of `FORMS`: the one that is asked for, else by ending or first bytes.

    Raises:
        UnreadableError: there is no such form, or the file is plainly something else.
    """
    if form is not None and form not in FORMS:
        message = f"there is no form {shown(form)} of manifests"
        where = "command line", None, "form", form
        raise UnreadableError(
            Problem(*where, message, f"write {choice(FORMS)}", "form")
        )
    found = form or (_sniffed(start) if name == STDIN else _by_ending(name))
    if not start:
        suggestion = "write one row for each video"
        raise UnreadableError(whole(name, "empty", "it is empty", suggestion))
    what = suggestion = ""
    if start.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        what = "a web page or an XML document"
        suggestion = "open the link in a browser and save the table as CSV or .xlsx"
    elif found != "xlsx" and start.startswith((_ZIP, _OLE)):
        what = "a workbook or another packed file"
        suggestion = "save it as .xlsx or as “CSV UTF-8” and name that file"
    if what:
        message = f"it is {what}, not {found.upper()}"
        raise UnreadableError(whole(name, "not-a-manifest", message, suggestion))
    return found


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
    text = start.replace(b"\0", b"").decode("utf-8-sig", "ignore").lstrip()
    if text.startswith(("{", "[")):
        return "jsonl"
    return "yaml" if _YAML.match(text) else "csv"


def encoding_of(name: str, start: bytes, encoding: str) -> str:
    """The encoding by the mark that a file begins with, else the one that is asked for.

    Raises:
        UnreadableError: there is no such encoding, or the file is no text in it.
    """
    if not is_encoding(encoding):
        message = f"there is no text encoding {shown(encoding)}"
        suggestion = "write one such as utf-8 or cp1252"
        where = "command line", None, "encoding", encoding
        raise UnreadableError(Problem(*where, message, suggestion, "encoding"))
    for mark, found in _MARKS.items():
        if start.startswith(mark):
            return found
    if b"\0" in start and b"\0" not in "a".encode(encoding):
        message = "it is not text, or text in UTF-16"
        suggestion = "save it as UTF-8, or pass --encoding utf-16-le"
        raise UnreadableError(whole(name, "not-a-manifest", message, suggestion))
    return encoding


def is_encoding(name: str) -> bool:
    """True if there is a text encoding of this name."""
    try:
        b"".decode(name)
        "".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def badly_encoded(path: str, file: BinaryIO, encoding: str) -> Problem:
    """The problem of a file with bytes that are not in this encoding, at their line."""
    written, other = encoding, "the right one"
    if codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}:
        written, other = "UTF-8", "cp1252"
    message = f"the text is not {written} here"
    suggestion = f"save it as UTF-8 or pass --encoding {other}"
    decoder = codecs.getincrementaldecoder(encoding)()
    line: int | None = None
    file.seek(0)
    for number, read in enumerate(file, 1):
        try:
            decoder.decode(read)
        except UnicodeError:
            line = number
            break
    return Problem(path, line, None, None, message, suggestion, "encoding")
