"""Which store a URL names, and what is raised where it does not do what was asked."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

CLOUD_SCHEMES = ("s3", "gs", "az")


class StoreError(Exception):
    """The store cannot do what was asked; says where and what to look at."""

    def __init__(self, message: str, words: str = "") -> None:
        super().__init__(message)
        #: What is wrong and what to do, without the place.
        self.words = words or message


class KeyTakenError(StoreError):
    """There is another file under this key, or the store cannot rule it out."""


def parse(url: str) -> tuple[str, str]:
    """Scheme and place of a store; the scheme of a folder is `file`.

    Raises:
        StoreError: it is no folder and no URL that is known.
    """
    parts = urlsplit(url)
    if parts.scheme in CLOUD_SCHEMES:
        if not parts.netloc:
            raise StoreError(f"{url}: names no bucket; write {parts.scheme}://bucket")
        return parts.scheme, url
    if parts.scheme == "file":
        return "file", unquote(parts.path)
    if "://" in url:
        known = ", ".join(f"{scheme}://" for scheme in CLOUD_SCHEMES)
        raise StoreError(f"{url}: not a store; give a folder or one of {known}")
    return "file", url


def normal(url: str) -> str:
    """One spelling for one store: folders absolute, no slash at the end."""
    scheme, place = parse(url)
    return str(Path(place).resolve()) if scheme == "file" else place.rstrip("/")
