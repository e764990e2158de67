"""Names of jobs and of their videos: which ids are allowed, and where videos go.

It decides what may stand in a file name, an object key and a Redis key; whether a name
is taken stands in `batch.seen`. A store key can never climb out of the prefix of its
batch.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from unicodedata import category, normalize

from jobs.manifest.template import BadTemplateError, Scope, Template, is_template
from jobs.text import guesses, shown

MAX_ID_CHARS = 100
MAX_ID_BYTES = 200
#: Leaves room for a digest and a number, in letters of up to four bytes.
_FITTING_CHARS = 40
#: S3 allows 1,024; the rest is room for the batch's name and a file beside the video.
MAX_KEY_BYTES = 900
#: What file systems allow for one name, less some room.
MAX_SEGMENT_BYTES = 240
DEFAULT_KEY = "{batch}/{id}.mp4"
ENDING = ".mp4"
#: Of the poster beside a video. Not `.jpg` alone: pictures of products are called so,
#: and who makes rows of a folder must know posters from them.
POSTER_ENDING = ".poster.jpg"

#: The video whose provenance would be called as the report of its batch.
_REPORT_KEY = "{batch}/report" + ENDING

_ASCII_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_FIELD = re.compile(r"\{([^{}]*)\}")
#: What a field's value may not bring into a key: `{batch}` is filled in later.
_UNSAFE = re.compile(r"[/\\{}\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
#: Fields that every row has; `batch` is filled in when the batch is made.
_FIELDS = ("batch", "id", "model", "line")


class KeyNameError(Exception):
    """An id or a store key that cannot be used."""

    def __init__(self, message: str, suggestion: str) -> None:
        super().__init__(f"{message}; {suggestion}")
        self.message = message
        self.suggestion = suggestion


def clean_id(text: str) -> str:
    """The id as it is kept: NFC, without white space around it.

    Raises:
        KeyNameError: it is too long, or has characters that an id cannot have.
    """
    text = text.strip()
    if _ASCII_ID.fullmatch(text):
        return text
    text = normalize("NFC", text)
    if not text:
        raise KeyNameError("the id is empty", "leave the cell empty to have one made")
    size = len(text.encode("utf-8", "surrogatepass"))
    if len(text) > MAX_ID_CHARS or size > MAX_ID_BYTES:
        raise KeyNameError(
            f"{shown(text)} is too long for an id",
            f"write at most {MAX_ID_CHARS} characters, {MAX_ID_BYTES} bytes in UTF-8",
        )
    if text[:1] in {".", "-"}:
        raise KeyNameError(
            f"{shown(text)} begins with {text[0]}", "begin with a letter or a digit"
        )
    for place, char in enumerate(text):
        if not _may_stand(char, first=place == 0):
            raise KeyNameError(
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
    except KeyNameError:
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


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """Where videos are stored: text with `{batch}`, `{id}`, `{model}`, columns."""

    #: Text and field names in turn, text first.
    parts: tuple[str, ...]
    #: True if unique ids alone make unique keys.
    unique_by_id: bool
    #: The columns of the manifest it uses.
    columns: frozenset[str]
    #: Of one with `{{ column | filter }}` in it: what makes the text of each row.
    filled: Template | None = None

    @classmethod
    def of(cls, text: str) -> "KeyTemplate":
        """The template that a person wrote; `.mp4` is added where it is missing.

        Raises:
            KeyNameError: it could leave its prefix, or is not well formed.
        """
        text = text.strip()
        if is_template(text):
            return cls._templated(text)
        if not text:
            raise KeyNameError("the key is empty", f"write it like {DEFAULT_KEY}")
        if not text.casefold().endswith(ENDING):
            text += ENDING
        parts = tuple(_FIELD.split(text))
        literal = "".join(parts[::2])
        if "{" in literal or "}" in literal:
            raise KeyNameError(
                f"{shown(text)} has a brace without its partner",
                f"write it like {DEFAULT_KEY}",
            )
        if any(not name.strip() for name in parts[1::2]):
            raise KeyNameError(
                f"{shown(text)} has an empty field", "name a column in it"
            )
        _hold(_FIELD.sub("x", text))
        columns = frozenset(parts[1::2]) - frozenset(_FIELDS)
        return cls(parts, text.split("/")[-1] == "{id}" + ENDING, columns)

    @classmethod
    def _templated(cls, text: str) -> "KeyTemplate":
        try:
            template = Template.of(text)
        except BadTemplateError as bad:
            raise KeyNameError(bad.message, bad.suggestion) from None
        sketch = template.sketch()
        if is_template(sketch):
            raise KeyNameError(f"{shown(text)} has braces that stay", "take them out")
        example = cls.of(sketch)
        return cls(
            example.parts, unique_by_id=False, columns=example.columns, filled=template
        )

    def for_row(self, scope: Scope) -> "KeyTemplate":
        """The template with the values of one row in the places of `{{ column }}`.

        Raises:
            KeyNameError: a value cannot stand in a key.
            BadTemplateError: a name means nothing here, or its cell is empty.
        """
        if self.filled is None:
            return self
        text = normalize("NFC", self.filled.render(scope, _fit))
        return replace(KeyTemplate.of(text), unique_by_id=False)

    def key(self, fields: Mapping[str, str]) -> str:
        """The store key of one job; `{batch}` stays in it as it is.

        Raises:
            KeyNameError: a field is missing or empty, or the key could not be stored.
        """
        text = [*self.parts]
        for place in range(1, len(text), 2):
            text[place] = _value(text[place], fields)
        key = "".join(text)
        if key.casefold() == _REPORT_KEY:
            raise KeyNameError(
                f"{shown(key)} would put what is told of this video in the place of "
                "the batch's own report",
                "choose another id or key",
            )
        # Checked ids in the default template need no second look.
        if len(key) > 200 or self.columns:  # noqa: PLR2004 - a quarter of any limit
            _hold(key)
        return key


def _fit(value: str) -> None:
    """Complains of a value that would change the shape of the key."""
    if unsafe := _UNSAFE.search(value):
        message = f"{shown(value)} cannot stand in a key for {shown(unsafe[0])} in it"
        raise KeyNameError(message, f'add | replace({shown(unsafe[0])}, "-") to it')


def _value(name: str, fields: Mapping[str, str]) -> str:
    if name == "batch":
        return "{batch}"
    value = fields.get(name, "").strip()
    if not value:
        near = guesses(name, [*fields, "batch"], most=1)
        meant = f"did you mean {{{near[0]}}}?" if near and near[0] != name else ""
        message = f"the key needs {{{name}}}, which the row does not give"
        raise KeyNameError(message, meant or f"fill in {name} or choose another key")
    if unsafe := _UNSAFE.search(value):
        message = f"{shown(value)} cannot stand in a key for {shown(unsafe[0])} in it"
        raise KeyNameError(message, f"change {name} or choose another key")
    return normalize("NFC", value)


def _hold(key: str) -> None:
    """Complains of a key that could climb out of its prefix or not be stored."""
    again = f"write it like {DEFAULT_KEY}"
    if "\\" in key or not key.replace(" ", "").isprintable():
        message = f"the key {shown(key)} has a backslash or a control character in it"
        raise KeyNameError(message, again)
    segments = key.split("/")
    if bad := [part for part in segments if part.strip() in {"", ".", ".."}]:
        shape = "an empty part" if not bad[0].strip() else f"the part {bad[0].strip()}"
        raise KeyNameError(f"the key {shown(key)} has {shape}", again)
    if any(len(part.encode()) > MAX_SEGMENT_BYTES for part in segments):
        raise KeyNameError(
            f"the key {shown(key)} cannot be a file name", "make it shorter"
        )
    if len(key.encode()) > MAX_KEY_BYTES:
        raise KeyNameError(f"the key {shown(key)} is too long", "make it shorter")
