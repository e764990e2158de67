"""Names of jobs and of their videos: which ids are allowed, and where videos go.

What is accepted may stand in a file name, an object key and a Redis key. A store key
can never climb out of the prefix of its batch.
"""

import hashlib
import json
import re
from unicodedata import category, normalize

from jobs.catalogue.validation import InvalidValueError, invalid
from jobs.job import ENDING
from jobs.manifest.templates import RowScope, Template, is_template
from jobs.text import shown

MAX_ID_CHARS = 100
MAX_ID_BYTES = 200
#: Leaves room for a digest and a number, in letters of up to four bytes.
_FITTING_CHARS = 40
#: S3 allows 1,024; the rest is room for the batch's name and a file beside the video.
MAX_KEY_BYTES = 900
#: What file systems allow for one name, less some room.
MAX_SEGMENT_BYTES = 240
DEFAULT_KEY = "{batch}/{id}.mp4"

#: The video whose provenance would be called as the report of its batch.
_REPORT_KEY = "{batch}/report" + ENDING

_ASCII_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_FIELD = re.compile(r"(?<!\{)\{([^{}%#\s][^{}]*)\}")
#: What a field's value may not bring into a key: `{batch}` is filled in later.
_UNSAFE = re.compile(r"[/\\{}\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


class Seen:
    """Names and the lines they were first used on."""

    def __init__(self) -> None:
        self._lines: dict[str, int] = {}

    def add(self, name: str, line: int) -> int | None:
        """The line that used this name before, or None if it is new and now kept."""
        folded = normalize("NFC", name.casefold())
        before = self._lines.get(folded)
        if before is None:
            self._lines[folded] = line
        return before


def clean_id(text: str) -> str:
    """The id as it is kept: NFC, without white space around it.

    Raises:
        InvalidValueError: it is too long, or has characters that an id cannot have.
    """
    text = text.strip()
    if _ASCII_ID.fullmatch(text):
        return text
    text = normalize("NFC", text)
    if not text:
        raise invalid("id", "the id is empty", "leave the cell empty to have one made")
    size = len(text.encode("utf-8", "surrogatepass"))
    if len(text) > MAX_ID_CHARS or size > MAX_ID_BYTES:
        raise invalid(
            "id",
            f"{shown(text)} is too long for an id",
            f"write at most {MAX_ID_CHARS} characters, {MAX_ID_BYTES} bytes in UTF-8",
        )
    if text[:1] in {".", "-"}:
        raise invalid(
            "id",
            f"{shown(text)} begins with {text[0]}",
            "begin with a letter or a digit",
        )
    for place, char in enumerate(text):
        if not _may_stand(char, first=place == 0):
            raise invalid(
                "id",
                f"{shown(text)} has {shown(char)} in it",
                "use letters, digits, dot, underscore and hyphen",
            )
    return text


def fitting_id(text: str) -> str:
    """The text as an id, changed where it cannot be one; different texts stay so.

    >>> fitting_id("blue-mug"), fitting_id("Mug 11/12")
    ('blue-mug', 'Mug-11-12.9ea7c178')
    """
    try:
        return clean_id(text)
    except InvalidValueError:
        # The digest tells apart what looks the same once it is made to fit.
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
        letters = (char if _may_stand(char, first=False) else "-" for char in text)
        stem = normalize("NFC", "".join(letters))[:_FITTING_CHARS].strip(".-")
        while stem and not _may_stand(stem[0], first=True):
            stem = stem[1:].lstrip(".-")
        return clean_id(f"{stem or 'row'}.{digest}")


def _may_stand(char: str, *, first: bool) -> bool:
    if char in "._-":
        return True
    kind = category(char)
    # Marks belong to the letters of many languages, but need one before them.
    return kind[0] == "L" or kind == "Nd" or (kind[0] == "M" and not first)


class KeyTemplate:
    """Where videos are stored: a template, in which `{id}` is short for `{{ id }}`.

    Names are `id`, `model`, `line` and columns; `{batch}` is filled in later.
    """

    def __init__(self, text: str) -> None:
        """Read the template that a person wrote; `.mp4` is added where it is missing.

        Raises:
            InvalidValueError: it could leave its prefix, or is not well formed.
        """
        self.text = text.strip()
        self._template = Template(_FIELD.sub(_written_out, self.text))
        example = _with_ending(self._template.sketch())
        if is_template(example):
            raise _bad_key(f"{shown(self.text)} has braces that stay", "take them out")
        _check_key(example)
        name = _with_ending(self.text).split("/")[-1]
        #: True if unique ids alone make unique keys.
        self.unique_by_id = name == "{id}" + ENDING and not is_template(self.text)

    def key(self, scope: RowScope) -> str:
        """The store key of one job; `{batch}` stays in it as it is.

        Raises:
            InvalidValueError: a name means nothing here or its cell is empty, or the
                key could not be stored.
        """
        if self.text == DEFAULT_KEY:  # nearly always, and much quicker
            key = self.text.replace("{id}", str(scope["id"]))
        else:
            text = self._template.render(scope, _check_part)
            key = normalize("NFC", _with_ending(text))
            _check_key(key)
        if key.casefold() == _REPORT_KEY:
            message = (
                f"{shown(key)} would put what is told of this video in the place of "
                "the batch's own report"
            )
            raise _bad_key(message, "choose another id or key")
        return key


def _written_out(field: re.Match[str]) -> str:
    """A field such as `{Any Column}` as the template language has it."""
    name = field[1]
    return field[0] if name == "batch" else f"{{{{ row[{json.dumps(name)}] }}}}"


def _with_ending(text: str) -> str:
    return text if not text or text.casefold().endswith(ENDING) else text + ENDING


def _bad_key(
    message: str, suggestion: str = f"write it like {DEFAULT_KEY}"
) -> InvalidValueError:
    return invalid("key", message, suggestion)


def _check_part(value: str) -> None:
    """Refuses a value that would change the shape of the key."""
    if unsafe := _UNSAFE.search(value):
        message = f"{shown(value)} cannot stand in a key for {shown(unsafe[0])} in it"
        suggestion = f'add | replace({shown(unsafe[0])}, "-") to it, in double braces'
        raise _bad_key(message, suggestion)


def _check_key(key: str) -> None:
    """Refuses a key that could climb out of its prefix or not be stored."""
    if not key:
        raise _bad_key("the key is empty")
    if "\\" in key or not key.replace(" ", "").isprintable():
        message = f"the key {shown(key)} has a backslash or a control character in it"
        raise _bad_key(message)
    literal = key.replace("{batch}", "")
    if "{" in literal or "}" in literal:
        raise _bad_key(f"{shown(key)} has a brace without its partner")
    segments = key.split("/")
    if bad := [part for part in segments if part.strip() in {"", ".", ".."}]:
        shape = "an empty part" if not bad[0].strip() else f"the part {bad[0].strip()}"
        raise _bad_key(f"the key {shown(key)} has {shape}")
    if any(len(part.encode()) > MAX_SEGMENT_BYTES for part in segments):
        raise _bad_key(f"the key {shown(key)} cannot be a file name", "make it shorter")
    if len(key.encode()) > MAX_KEY_BYTES:
        raise _bad_key(f"the key {shown(key)} is too long", "make it shorter")


def _numbered(name: str, number: int) -> str:
    text = name if number == 1 else f"{name}.{number}"
    return text if len(text) <= MAX_ID_CHARS else fitting_id(text)


class UsedNames:
    """The ids and store keys that one manifest has used, each for one row."""

    def __init__(self) -> None:
        self._ids = Seen()
        self._keys = Seen()
        #: The last number of names that several rows were given.
        self._last: dict[str, int] = {}

    def add_id(self, job_id: str, line: int) -> None:
        """Use an id.

        Raises:
            InvalidValueError: another row has it.
        """
        first = self._ids.add(job_id, line)
        if first is not None:
            message = f"{shown(job_id)} is already the id of line {first}"
            suggestion = (
                "give each row its own id; upper and lower case count as the same"
            )
            raise invalid("duplicate-id", message, suggestion)

    def add_made_id(self, name: str, number: int, line: int) -> str:
        """Use the id of the picture with this number of what is called so.

        Where another row has it the number counts on. A dot stands before it, for the
        names that shops make have none: `mug.2` is the second picture of `mug`, and
        `mug-2` is another product.
        """
        job_id = _numbered(name, number)
        if self._ids.add(job_id, line) is None:
            return job_id
        number = max(number, self._last.get(name, 1))
        while True:
            number += 1
            job_id = _numbered(name, number)
            if self._ids.add(job_id, line) is None:
                self._last[name] = number
                return job_id

    def add_key(self, key: str, line: int) -> None:
        """Use a store key.

        Raises:
            InvalidValueError: another row has it.
        """
        first = self._keys.add(key, line)
        if first is not None:
            message = f"the video of line {first} is already stored as {shown(key)}"
            raise invalid("duplicate-key", message, "put {id} into the key")
