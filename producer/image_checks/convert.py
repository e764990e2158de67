"""Makes JPEGs of the pictures that models do not take, each content once.

What was made stays in the home folder under the digest of its source, so that the same
picture is the same bytes the next night, and is not paid for again.
"""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from jobs.catalogue.addresses import is_http
from jobs.catalogue.pictures import CONVERTIBLE
from jobs.net import Guard
from jobs.text import shown
from producer.exits import CommandError
from producer.image_checks.cache import ImageCache
from producer.image_checks.fetch import Client, FetchLimits
from producer.image_checks.files import MAX_OPEN_BYTES, open_image
from producer.image_checks.results import Finding, ImageCheckError
from producer.image_checks.web import content_of

FOLDER = "converted"
#: Changes with what is made of a picture; the older ones are made anew then.
VERSION = 1
#: Pictures in hand at once.
AT_ONCE = 4
TIMEOUT_S = 90

_ROOT = Path(__file__).parents[2]
_COMMAND = (sys.executable, "-P", "-m", "producer.image_checks.converting")


def wants(found: Finding | None) -> bool:
    """Whether a picture that was checked is one to convert."""
    info = found.info if found else None
    return info is not None and (info.kind in CONVERTIBLE or bool(info.trait))


def convert_all(
    addresses: Iterable[str], cache: ImageCache, home: Path, *, near_allowed: bool
) -> Mapping[str, str]:
    """Convert every picture that wants it; paths of the JPEGs by address.

    What cannot be converted is noted as a finding.

    Raises:
        CommandError: Pillow is missing.
    """
    wanted = [one for one in dict.fromkeys(addresses) if wants(cache.find(one))]
    if not wanted:
        return {}
    if not find_spec("PIL"):
        raise CommandError('--convert needs Pillow: pip install "reelmill[convert]"')
    folder = home / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return asyncio.run(_convert_all(wanted, cache, folder, near_allowed=near_allowed))


async def _convert_all(
    wanted: list[str], cache: ImageCache, folder: Path, *, near_allowed: bool
) -> dict[str, str]:
    client = Client(Guard(near_allowed=near_allowed), FetchLimits())
    made: dict[str, str] = {}
    slots = asyncio.Semaphore(AT_ONCE)

    async def convert(address: str) -> None:
        async with slots:
            try:
                content = await _content(client, address)
                path = await asyncio.to_thread(_converted, content, folder)
            except ImageCheckError as error:
                message = f"{shown(address)} {error.message}"
                cache.note(
                    address, Finding(None, error.kind, message, error.suggestion)
                )
            else:
                made[address] = str(path)

    try:
        await asyncio.gather(*map(convert, wanted))
    finally:
        await client.close()
    return made


async def _content(client: Client, address: str) -> bytes:
    if is_http(address):
        return await client.retry(lambda: content_of(client, address, MAX_OPEN_BYTES))
    return await asyncio.to_thread(_read, address)


def _read(address: str) -> bytes:
    with open_image(address) as file:
        return file.read(MAX_OPEN_BYTES)


def _converted(content: bytes, folder: Path) -> Path:
    """The JPEG of a content, made now or before.

    Raises:
        ImageCheckError: it cannot be made.
    """
    digest = hashlib.sha256(content).hexdigest()
    made = folder / f"{digest[:40]}-{VERSION}.jpg"
    with suppress(OSError):
        # One without content is what a power cut left.
        if made.stat().st_size:
            return made
    half = made.with_suffix(f".{os.getpid()}")
    try:
        half.write_bytes(_jpeg(content))
        half.replace(made)
    except OSError as error:
        raise _failed(str(error.strerror)) from None
    finally:
        with suppress(OSError):
            half.unlink(missing_ok=True)
    return made


def _jpeg(content: bytes) -> bytes:
    """What the child makes of a content; one that is killed leaves nothing behind."""
    try:
        ended = subprocess.run(
            _COMMAND,
            input=content,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(_ROOT)},
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise _failed(f"it takes longer than {TIMEOUT_S} s") from None
    if ended.returncode:
        lines = ended.stderr.decode(errors="replace").splitlines() or ["it is broken"]
        raise _failed(lines[-1])
    return ended.stdout


def _failed(reason: str) -> ImageCheckError:
    return ImageCheckError(
        f"cannot be converted: {reason}",
        "save it as JPEG yourself",
        kind="not-converted",
    )
