"""What a picture is, by its own bytes, and what keeps a model from taking it.

Neither an ending nor what a host calls a file counts.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from math import inf

import imagesize  # type: ignore[import-untyped]  # none are published

from jobs.catalogue.model import PictureLimits
from jobs.catalogue.validation import ValidationIssue
from jobs.text import choice

#: What is asked for first: nearly every picture tells its size in here.
FIRST_BYTES = 65_536

#: A beginning longer than this that does not tell the size never will.
MAX_HEADER_BYTES = 2 << 20

CMYK_CHANNELS = 4

#: Enough to know every kind of file.
_KIND_BYTES = 64

#: Kinds whose size in pixels is read, by endings that a catalogue may name.
_KINDS = {"jpg": "jpeg", "jpeg": "jpeg", "png": "png"}
_SIZED = frozenset(_KINDS.values())

_BEGINNINGS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF8", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"BM", "bmp"),
    (b"8BPS", "psd"),
    (b"\x00\x00\x00\x0cjP  ", "jp2"),
    (b"\xff\x0a", "jxl"),
    (b"\x00\x00\x00\x0cJXL ", "jxl"),
    (b"\x00\x00\x01\x00", "ico"),
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"),
)

#: What files of the ISO family hold, by the brand that they begin with.
_BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys(
        (b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1", b"heim", b"heis"),
        "heic",
    ),
}

#: How a kind is called where its name in capitals would not do.
_CALLED = {
    "video": "a video",
    "pdf": "a PDF document",
    "zip": "a ZIP archive",
    "html": "a web page",
    "xml": "an XML document",
    "svg": "an SVG drawing",
}
_NO_PICTURES = frozenset({"video", "pdf", "zip", "html", "xml"})


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What is known of a picture."""

    #: `jpeg`, `png`, `webp`, …; `html`, `empty` or `unknown` where it is no picture.
    kind: str
    size_bytes: int
    #: As it is shown, so after the rotation that its EXIF asks for; None where unknown.
    width_px: int | None
    height_px: int | None
    #: Hex digest of the whole content; None where not all of it was read.
    sha256: str | None
    #: What a model may see otherwise than a person: `rotated` if its pixels lie on
    #: their side and EXIF says so, `cmyk` if it is made for print; else empty.
    trait: str = ""


#: Kinds that can be converted into JPEG.
CONVERTIBLE = frozenset({"webp", "avif", "heic", "gif", "tiff", "bmp", "jp2"})


#: How a JPEG and a PNG end. A preview within a JPEG ends so, too: a picture with one
#: that is cut off is not told from a whole one, for no whole one may be refused.
_ENDS = (b"\xff\xd9", b"IEND")


class ImageSniffer:
    """A picture as its bytes come: hashed as a whole, held only until it is judged."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.kind = ""
        self.sides_px: tuple[int, int] | None = None
        self.trait = ""
        self._head = bytearray()
        self._judge_at_bytes = FIRST_BYTES
        self._all = hashlib.sha256()
        self._first = hashlib.sha256()
        #: Whether the end of a picture came; cameras write films behind it.
        self._has_end = False
        self._tail = b""

    @property
    def is_decided(self) -> bool:
        """True once more bytes can tell nothing new but the size and the digest."""
        if not self.kind:
            return False
        known = self.kind not in _SIZED or self.sides_px is not None
        return known or self.size_bytes > MAX_HEADER_BYTES

    @property
    def first_sha256(self) -> str:
        """Hex digest of the first 64 KiB, or of all where there is less."""
        return self._first.hexdigest()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._all.update(chunk)
        if self.size_bytes < FIRST_BYTES:
            self._first.update(chunk[: FIRST_BYTES - self.size_bytes])
        self.size_bytes += len(chunk)
        if not self._has_end:
            both = self._tail + chunk
            self._has_end = any(end in both for end in _ENDS)
            self._tail = both[-3:]
        if self._judge_at_bytes:
            self._head += chunk
            if self.size_bytes >= self._judge_at_bytes:
                self.sniff()

    def sniff(self) -> bool:
        """Judge by what has come so far; True once decided."""
        if self._judge_at_bytes and self._head:
            self.kind = kind_of(bytes(self._head[:_KIND_BYTES]))
            if self.kind in _SIZED:
                self.sides_px, self.trait = shape_of(bytes(self._head))
            # At doubled lengths only, or a long header would be read over and over.
            self._judge_at_bytes = 2 * max(self.size_bytes, FIRST_BYTES)
            if self.is_decided:
                self._judge_at_bytes = 0
                self._head.clear()
        return self.is_decided

    @property
    def _is_cut_off(self) -> bool:
        """Whether the end is missing of what came, of a kind that marks its end."""
        return self.kind in _SIZED and not self._has_end

    def info(self, size_bytes: int, *, whole: bool) -> ImageInfo:
        """What was found.

        Args:
            size_bytes: size of the whole picture.
            whole: all of it was fed, so that the digest holds.
        """
        self.sniff()
        sides_px = None if whole and self._is_cut_off else self.sides_px
        width_px, height_px = sides_px or (None, None)
        digest = self._all.hexdigest() if whole else None
        kind = self.kind or "empty"
        return ImageInfo(kind, size_bytes, width_px, height_px, digest, self.trait)


def kind_of(head: bytes) -> str:
    """What a file is by its first 64 bytes; `unknown` where they do not tell."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for beginning, kind in ((b"<svg", "svg"), (b"<?xml", "xml"), (b"<", "html")):
        if text.startswith(beginning):
            return kind
    return "unknown" if head else "empty"


def shape_of(head: bytes) -> tuple[tuple[int, int] | None, str]:
    """Width and height as shown, and the trait, of a JPEG or PNG by its beginning.

    None and nothing where the beginning is too short to tell, or broken.
    """
    try:
        info = imagesize.get_info(BytesIO(head), dpi=False, colors=False)
    except (ValueError, IndexError, OverflowError, struct.error):
        return None, ""
    if info.width <= 0 or info.height <= 0:
        return None, ""
    trait = "rotated" if info.rotation > 1 else ""
    if head.startswith(b"\xff\xd8") and info.channels == CMYK_CHANNELS:
        trait = "cmyk"
    return (info.width, info.height), trait


def validate_image(
    image: ImageInfo, limits: PictureLimits | None, shown: str
) -> list[ValidationIssue]:
    """What keeps a model from taking a picture; empty if nothing does.

    Args:
        image: what is known of it.
        limits: what the model takes; None where nobody says.
        shown: the picture, for the beginning of a sentence.
    """
    if limits is None:
        return []
    return [
        ValidationIssue(kind, f"{shown} {message}", suggestion)
        for kind, message, suggestion in _issues(image, limits)
    ]


def _issues(image: ImageInfo, limits: PictureLimits) -> Iterator[tuple[str, str, str]]:
    """Kind, what is wrong and what to do, of all that is wrong."""
    taken = dict.fromkeys(_KINDS.get(name, name) for name in limits.formats)
    if image.kind not in taken:
        yield _of_another_kind(image.kind, choice(kind.upper() for kind in taken))
        return
    if image.size_bytes > limits.max_bytes:
        message = f"is {image.size_bytes:,} bytes large"
        suggestion = f"save it with at most {limits.max_bytes:,} bytes"
        yield "picture-bytes", message, suggestion
    if image.width_px and image.height_px:
        yield from _of_the_sides(image.width_px, image.height_px, limits)
    else:
        message = f"is a broken or incomplete {image.kind.upper()}"
        yield "picture-broken", message, "save or upload it anew"


def _of_the_sides(
    width_px: int, height_px: int, limits: PictureLimits
) -> Iterator[tuple[str, str, str]]:
    sides = f"is {width_px} x {height_px} px"
    if min(width_px, height_px) < limits.min_side_px:
        yield "picture-sides", sides, f"each side needs {limits.min_side_px} px"
    aspect = width_px / height_px
    low, high = limits.min_aspect or 0, limits.max_aspect or inf
    if not low <= aspect <= high:
        bounds = [f"at least {low:g}"] if low else []
        bounds += [f"at most {high:g}"] if high < inf else []
        message = f"{sides}, so its width is {aspect:.3g} times its height"
        suggestion = f"crop it: {choice(bounds, word='and')} times is taken"
        yield "picture-aspect", message, suggestion


def _of_another_kind(kind: str, taken: str) -> tuple[str, str, str]:
    if kind == "empty":
        return "no-picture", "is empty", "put the picture there anew"
    if kind == "unknown":
        return "no-picture", "is no picture, by its first bytes", f"save it as {taken}"
    if kind in _NO_PICTURES:
        message = f"is {_CALLED[kind]} and no picture"
        return "no-picture", message, f"give a picture itself, as {taken}"
    called = _CALLED.get(kind, kind.upper())
    cure = f"save it as {taken}"
    if kind in CONVERTIBLE:
        cure += ", or give --convert, which does that before it is sent"
    return "picture-format", f"is {called}", cure
