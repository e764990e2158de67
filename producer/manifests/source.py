"""Opens what a user names as a manifest, and tells its form."""

import gzip
import io
import json
import re
import stat
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO, NamedTuple, TextIO
from urllib.parse import unquote, urlsplit

from jobs.manifest.rows import Problem
from jobs.text import choice, shown

STDIN = "-"
#: How many bytes tell the form and the encoding.
START_BYTES = 4096
_MAX_LINE_CHARS = 32 << 20


class Form(NamedTuple):
    """A form of manifests; `producer.manifests.plan` has its reader."""

    #: Endings of files that are manifests wherever they are found.
    endings: tuple[str, ...] = ()
    #: Endings that other files have too, so that a person must name the file.
    other_endings: tuple[str, ...] = ()
    is_text: bool = True


FORMS: Mapping[str, Form] = {
    "csv": Form((".csv", ".tsv"), (".txt", ".tab")),
    "jsonl": Form((".jsonl", ".ndjson")),
    "json": Form((), (".json",)),
    "yaml": Form((".yaml", ".yml")),
    "xlsx": Form((".xlsx", ".xlsm"), is_text=False),
    "ods": Form((".ods",), is_text=False),
    "xml": Form((), (".xml", ".rss", ".atom"), is_text=False),
}
#: Endings by which a folder is searched for manifests.
ENDINGS = tuple(ending for form in FORMS.values() for ending in form.endings)
_BY_ENDING = {
    ending: name
    for name, form in FORMS.items()
    for ending in (*form.endings, *form.other_endings)
}
_BUCKETS = ("s3://", "gs://", "az://")
#: Endings of what `reelmill init` writes.
_WRITTEN = (".csv", ".yaml", ".yml")
_ZIP, _OLE, _GZIP = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\x1f\x8b"
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
_JSON = re.compile(r"\[\s*[\[{\]]|\{\s*(?:\"|\}|$)")
#: A YAML manifest begins with a comment, a list, or one of its names.
_YAML = re.compile(r"(?:%|---|#|-\s|(?:defaults|columns|items|rows|key|sheet)\s*:)")


class UnreadableError(Exception):
    """A manifest that cannot be read on; it carries the problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def whole(
    file: str, kind: str, message: str, suggestion: str, line: int | None = None
) -> Problem:
    """A problem of the file as a whole, or of one of its lines."""
    return Problem(file, line, None, None, message, suggestion, kind)


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
            is_packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            yield gzip.GzipFile(fileobj=file) if is_packed else file  # type: ignore[misc]  # GzipFile is no BinaryIO to mypy
    except FileNotFoundError:
        suggestion = "check the name"
        if Path(path).suffix.casefold() in _WRITTEN:
            suggestion += ", or let reelmill init write one to begin with"
        problem = whole(path, "not-found", "there is no such file", suggestion)
        raise UnreadableError(problem) from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        message = f"it cannot be read ({why.lower()})"
        suggestion = "check its name and its permissions"
        if not getattr(error, "errno", None):  # of gzip
            suggestion = "download it or pack it again"
        problem = whole(path, "unreadable", message, suggestion)
        raise UnreadableError(problem) from None


def bounded_lines(file: str, text: TextIO) -> Iterator[str]:
    """The lines of a text, none of them so long that it would fill the memory.

    Raises:
        UnreadableError: a line is longer.
    """
    number = 0
    while line := text.readline(_MAX_LINE_CHARS):
        number += 1
        if len(line) == _MAX_LINE_CHARS:
            message = f"the line has more than {_MAX_LINE_CHARS:,} characters"
            cure = "write one row a line"
            raise UnreadableError(whole(file, "line", message, cure, number))
        yield line


def form_of(name: str, start: bytes, form: str | None) -> str:
    """One of `FORMS`: the one that is asked for, else by content, else by ending.

    Raises:
        UnreadableError: there is no such form, or the file is plainly something else.
    """
    if form is not None and form not in FORMS:
        message = f"there is no form {shown(form)} of manifests"
        where = "command line", None, "form", form
        raise UnreadableError(
            Problem(*where, message, f"write {choice(FORMS)}", "form")
        )
    if not start:
        suggestion = "write one row for each video"
        raise UnreadableError(whole(name, "empty", "it is empty", suggestion))
    # Only signs of ASCII are looked for, and any decoding leaves those alone.
    text = start.replace(b"\0", b"").decode("utf-8-sig", "ignore").strip()
    what = suggestion = ""
    if re.match(r"<(!doctype )?html", text, re.IGNORECASE):
        what = "a web page"
        suggestion = "open the link in a browser and save the table as CSV or .xlsx"
    elif start.startswith(_OLE):
        what = "locked with a password, or an old .xls workbook"
        suggestion = "save it as .xlsx without a password"
    elif form and FORMS[form].is_text and start.startswith(_ZIP):
        what = f"a workbook or another packed file, not {form.upper()}"
        suggestion = "leave out --form"
    if what:
        message = f"it is {what}"
        raise UnreadableError(whole(name, "not-a-manifest", message, suggestion))
    return form or _sniffed(name, start, text)


def _sniffed(name: str, start: bytes, text: str) -> str:
    """The form by what the file begins with, and by its ending where that is open."""
    ending = PurePath(name).suffix.casefold()
    by_ending = _BY_ENDING.get(ending)
    if start.startswith(_ZIP):
        return "ods" if _OPEN_DOCUMENT in start else "xlsx"
    if text.startswith("<"):
        return "xml"
    if _JSON.match(text) and by_ending != "yaml":
        first, *others = text.splitlines()
        is_row = _is_object(first, by_ending) and (others or by_ending != "json")
        return "jsonl" if is_row else "json"
    if by_ending:
        return by_ending
    if name == STDIN:
        return "yaml" if _YAML.match(text) else "csv"
    if re.search(r"[,;\t|]", text.partition("\n")[0]):
        return "csv"
    message = f"its ending {shown(ending)} is that of no manifest"
    suggestion = f"name it {choice(ENDINGS)} for what is in it, or pass --form"
    raise UnreadableError(whole(name, "ending", message, suggestion))


def _is_object(line: str, by_ending: str | None) -> bool:
    """True if a line is an object of its own; one too long to tell is by its ending."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return by_ending == "jsonl" and line.strip() not in {"{", "["}
