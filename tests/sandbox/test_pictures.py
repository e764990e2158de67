import asyncio
import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from sandbox.pictures import Gallery, PictureRefused, card, is_near, shrunk
from sandbox.predictions import Look
from sandbox.settings import Settings
from tests.sandbox.desk import PICTURE


def picture(kind: str = "PNG", size: tuple[int, int] = (600, 900)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, kind)
    return file.getvalue()


@contextmanager
def shop(status: int, body: bytes, asked: list[str]) -> Iterator[str]:
    """A file host on this machine; yields its origin."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("location", "http://example.com/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def looked(gallery: Gallery, *urls: str) -> Look:
    look = gallery.look(urls, Settings())
    assert look is not None
    await asyncio.gather(*gallery.fetching)
    assert look.done
    return look


@pytest.fixture
def gallery() -> Iterator[Gallery]:
    with ThreadPoolExecutor(1) as pool:
        yield Gallery(pool, lambda _: None)


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1/a", True),
        ("https://127.9.9.9:1/a", True),
        ("http://localhost:8000/a", True),
        ("http://[::1]/a", True),
        ("http://10.0.0.1/a", False),
        ("http://169.254.169.254/a", False),
        ("http://127.0.0.1.example.com/a", False),
        ("http://127.0.0.1@example.com/a", False),
        ("http://[broken", False),
        ("", False),
    ],
)
def test_only_this_machine_is_near(url: str, near: bool) -> None:
    assert is_near(url) is near


def test_a_picture_of_this_machine_is_fetched_once_for_many(gallery: Gallery) -> None:
    asked: list[str] = []

    async def many(url: str) -> bytes:
        looks = [gallery.look([url], Settings()) for _ in range(50)]
        await looked(gallery, url)
        assert all(look and look.problem is None for look in looks)
        return await gallery.picture(url)

    with shop(200, picture(), asked) as origin:
        png = asyncio.run(many(f"{origin}/mug.png"))
    assert Image.open(io.BytesIO(png)).size == (320, 480)
    assert asked == ["/mug.png"]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, b"", 1402),
        (302, b"", 1402),
        (200, b"no picture", 1402),
        (200, picture(size=(299, 600)), 1401),
        (200, picture("GIF"), 1401),
    ],
)
def test_a_picture_that_cannot_be_used_says_why(
    gallery: Gallery, status: int, body: bytes, code: int
) -> None:
    asked: list[str] = []
    with shop(status, body, asked) as origin:
        look = asyncio.run(looked(gallery, f"{origin}/a"))
    assert look.problem is not None
    assert (look.problem.code, look.problem.status) == (code, "failed")
    assert origin in look.problem.error
    assert asked == ["/a"]


def test_a_failed_look_is_not_remembered(gallery: Gallery) -> None:
    async def twice(url: str) -> bool:
        return await looked(gallery, url) is await looked(gallery, url)

    with shop(404, b"", []) as origin:
        assert not asyncio.run(twice(f"{origin}/a"))


def test_a_picture_from_elsewhere_is_a_card_and_nothing_is_fetched(
    gallery: Gallery,
) -> None:
    assert gallery.look([PICTURE], Settings()) is None
    assert asyncio.run(gallery.picture(PICTURE)) == card(PICTURE)
    assert card(PICTURE) != card("https://shop.example/bag.jpg")


@pytest.mark.parametrize(
    "url", ["", "https://x.example/", f"https://x/{'n' * 300}.jpg"]
)
def test_any_name_fits_on_a_card(url: str) -> None:
    assert Image.open(io.BytesIO(card(url))).size == (480, 480)


def test_a_picture_is_turned_upright_and_loses_its_transparency() -> None:
    image = Image.new("RGBA", (800, 400), (0, 0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "PNG", exif=exif)
    upright = Image.open(io.BytesIO(shrunk(file.getvalue(), "u", True)))
    assert (upright.size, upright.getpixel((0, 0))) == ((240, 480), (255, 255, 255))


def test_a_picture_may_be_small_where_that_is_not_checked() -> None:
    tiny = picture(size=(8, 8))
    assert shrunk(tiny, "u", False)
    with pytest.raises(PictureRefused, match="no side is under 300 px"):
        shrunk(tiny, "u", True)
