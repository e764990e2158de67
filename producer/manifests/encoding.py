"""Tells how text is encoded; where it cannot, what the words are in some encodings."""

import codecs
import re
import unicodedata
from typing import BinaryIO

from jobs.manifest.rows import Problem
from jobs.text import choice, shown, visible
from producer.manifests.source import UnreadableError, whole

#: Encodings by the mark that a file begins with; the longer marks first.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
#: What files without a mark are in, the likeliest first.
_CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "shift_jis", "gb18030", "big5", "euc_kr"),
    *("cp1253", "cp1254", "mac_roman", "cp437"),
)
_SHOWN_CANDIDATES = 3
_SAMPLE_BYTES = 1 << 16
_WORD = re.compile(rb"[^\s,;|\"<>]*[\x80-\xff][^\s,;|\"<>]*")
_MOST_WORDS = 200


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
    for mark, found in MARKS.items():
        if start.startswith(mark):
            return found
    if b"\0" not in start or b"\0" in "a".encode(encoding):
        return encoding
    for wide in ("utf-16-le", "utf-16-be"):
        text = start[: len(start) & ~1].decode(wide, "replace")[:-1]
        if "\n" in text and all(one.isprintable() or one.isspace() for one in text):
            return wide
    message = "it is not text"
    suggestion = "save the table as CSV in UTF-8, or as .xlsx"
    raise UnreadableError(whole(name, "not-a-manifest", message, suggestion))


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
    is_utf8 = codecs.lookup(encoding).name in {"utf-8", "utf-8-sig"}
    message = f"the text is not {'UTF-8' if is_utf8 else encoding} here"
    suggestion = "save it as UTF-8, or pass --encoding with the right one"
    decoder = codecs.getincrementaldecoder(encoding)()
    line: int | None = None
    file.seek(0)
    for number, read in enumerate(file, 1):
        try:
            decoder.decode(read)
        except UnicodeError:
            line = number
            readings = _readings(read + file.read(_SAMPLE_BYTES))
            if is_utf8 and readings:
                shows = [f"as {name} it reads “{word}”" for name, word in readings]
                message += f"; {', '.join(shows)}"
                names = choice(name for name, _ in readings)
                suggestion = "save it as UTF-8, or pass the encoding whose words are "
                suggestion += f"right: --encoding {names}"
            break
    return whole(path, "encoding", message, suggestion, line)


def _readings(text: bytes) -> list[tuple[str, str]]:
    """The likeliest encodings, each with the first word that is not ASCII in it."""
    words = _WORD.findall(text)[:_MOST_WORDS]
    found: list[tuple[float, str, str]] = []
    for encoding in _CANDIDATES:
        try:
            decoded = [word.decode(encoding) for word in words]
        except UnicodeError:
            continue
        worth = sum(map(_worth, decoded)) / max(len(decoded), 1)
        found.append((worth, encoding, visible(decoded[0][:30]) if decoded else ""))
    found.sort(key=lambda one: -one[0])
    distinct = {word: name for _, name, word in reversed(found)}
    return [(name, word) for _, name, word in found if distinct[word] == name][
        :_SHOWN_CANDIDATES
    ]


def _worth(word: str) -> float:
    """How much a word looks like one of a language, at most 1."""
    letters = [char for char in word if char.isalpha()]
    other = [char for char in word if not char.isascii()]
    strange = sum(not char.isalpha() for char in other)
    scripts = {_script(char) for char in letters}
    is_mixed = len(scripts) > 1 and not scripts <= {"CJK", "HIRAGANA", "KATAKANA"}
    has_caps = any(map(str.isupper, word[1:])) and not word.isupper()
    # Latin words have few accents in a row.
    is_rough = "LATIN" in scripts and len(other) * 2 > len(letters) > 1
    is_odd = "HALFWIDTH" in scripts
    return 1 - strange - 0.5 * (is_mixed + has_caps + is_rough + is_odd)


def _script(char: str) -> str:
    return unicodedata.name(char, "?").partition(" ")[0]
