"""The one video that the stand-in has: a whole MP4 of any size.

It has a video track without samples and a `free` box that fills it up, so it costs
nothing to make and passes for a video with whoever looks at its boxes. ISO/IEC
14496-12 is the source of the layout.
"""

import struct

_TIMESCALE = 1_000
_DURATION = 5 * _TIMESCALE
_WIDTH, _HEIGHT = 1_280, 720
#: Unity: what is shown is what is stored.
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED = 0x55C4  # the language code `und`, five bits a letter


def video(size_bytes: int) -> bytes:
    """An MP4 of exactly so many bytes.

    Raises:
        ValueError: it does not fit in.
    """
    small = _box(b"ftyp", b"isom", _u32(512), b"isomiso2mp41") + _movie()
    small += _box(b"mdat")
    left = size_bytes - len(small)
    header_bytes = 8
    if left < header_bytes:
        raise ValueError(f"a video has at least {len(small) + header_bytes} bytes")
    return small + _box(b"free", bytes(left - header_bytes))


def _movie() -> bytes:
    header = _full(
        b"mvhd",
        *(_u32(0, 0, _TIMESCALE, _DURATION, 0x10000), struct.pack(">H", 0x100)),
        *(bytes(10), _MATRIX, bytes(24), _u32(2)),
    )
    track = _full(
        b"tkhd",
        *(_u32(0, 0, 1, 0, _DURATION), bytes(16), _MATRIX),
        _u32(_WIDTH << 16, _HEIGHT << 16),
        flags=3,
    )
    return _box(b"moov", header, _box(b"trak", track, _media()))


def _media() -> bytes:
    header = _full(
        b"mdhd",
        _u32(0, 0, _TIMESCALE, _DURATION),
        struct.pack(">HH", _UNDETERMINED, 0),
    )
    handler = _full(b"hdlr", _u32(0), b"vide", bytes(12), b"video\0")
    source = _full(b"dref", _u32(1), _full(b"url ", flags=1))
    samples = _box(
        b"stbl",
        _full(b"stsd", _u32(1), _kind_of_picture()),
        *(_full(kind, _u32(0)) for kind in (b"stts", b"stsc")),
        _full(b"stsz", _u32(0, 0)),
        _full(b"stco", _u32(0)),
    )
    picture = _full(b"vmhd", bytes(8), flags=1)
    inner = _box(b"minf", picture, _box(b"dinf", source), samples)
    return _box(b"mdia", header, handler, inner)


def _kind_of_picture() -> bytes:
    size = struct.pack(">HH", _WIDTH, _HEIGHT)
    resolution = _u32(72 << 16, 72 << 16)
    rest = struct.pack(">IH32xHh", 0, 1, 24, -1)
    return _box(b"mp4v", bytes(7), b"\1", bytes(16), size, resolution, rest)


def _box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return _u32(8 + len(content)) + kind + content


def _full(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, _u32(flags), *parts)


def _u32(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)
