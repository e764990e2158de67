"""Converts a picture into JPEG, from standard input to standard output.

A process of its own, with limits: what decodes a stranger's bytes may take all memory.
Needs Pillow, and for HEIC pi-heif.
"""

import io
import resource
import sys
from contextlib import suppress

from PIL import Image, ImageCms, ImageOps

#: A picture of more pixels is a bomb, not a product.
MAX_PX = 100_000_000
#: Longest side of what is made; no model looks closer.
MAX_SIDE_PX = 4_096
QUALITY = 92
MAX_MEMORY_BYTES = 2 << 30
MAX_CPU_S = 60

#: Exit code if the picture cannot be read; the reason is on standard error.
UNREADABLE = 3


def converted(content: bytes) -> bytes:
    """A picture as upright RGB JPEG without any of its metadata.

    Raises:
        OSError, ValueError, SyntaxError: it cannot be decoded.
    """
    with Image.open(io.BytesIO(content)) as opened:
        if opened.width * opened.height > MAX_PX:
            raise ValueError(f"it has more than {MAX_PX:,} pixels")
        image = ImageOps.exif_transpose(opened)
        image = _in_srgb(image, opened.info.get("icc_profile"))
    if image.mode != "RGB":
        clear = image.convert("RGBA")
        image = Image.new("RGB", clear.size, "white")
        image.paste(clear, mask=clear)
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in the colours of the web, by its own profile."""
    if profile and image.mode in {"RGB", "CMYK"}:
        with suppress(ImageCms.PyCMSError, OSError):
            own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            web = ImageCms.createProfile("sRGB")
            made = ImageCms.profileToProfile(image, own, web, outputMode="RGB")
            if made is not None:
                return made
    return image.convert("RGB") if image.mode == "CMYK" else image


def main() -> int:
    """Convert what comes in; the exit code."""
    with suppress(ImportError):
        from pi_heif import register_heif_opener  # type: ignore[import-untyped]  # no types

        register_heif_opener()
    for which, most in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_S),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(which, (most, most))
    try:
        sys.stdout.buffer.write(converted(sys.stdin.buffer.read()))
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        sys.stderr.write(str(error) or "it takes too much memory")
        return UNREADABLE
    return 0


if __name__ == "__main__":
    sys.exit(main())
