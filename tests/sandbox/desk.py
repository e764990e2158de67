"""The sandbox without a network, with a clock that a test moves."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sandbox.server import API, FILES, app
from sandbox.state import Provider

V26 = "kwaivgi/kling-v2.6-std/image-to-video"
V16 = "kwaivgi/kling-v1.6-i2v-standard"
V21 = "kwaivgi/kling-v2.1-i2v-standard"
V30 = "kwaivgi/kling-v3.0-std/image-to-video"
MULTI = "kwaivgi/kling-v1.6-multi-i2v-standard"
PICTURE = "https://shop.example/mug.jpg"
BEGAN_S = 1_800_000_000.0

#: The least that each of the models takes whose pages were read.
LEAST: dict[str, dict[str, Any]] = {
    V26: {"image": PICTURE},
    V16: {"image": PICTURE, "prompt": "it turns"},
    V21: {"prompt": "it turns"},
    V30: {"image": PICTURE, "prompt": "it turns"},
    MULTI: {"images": [PICTURE], "prompt": "it turns"},
}


@dataclass(slots=True)
class Desk:
    """Asks the sandbox as a client would."""

    provider: Provider
    now_s: float = BEGAN_S

    def configure(self, **changes: object) -> None:
        self.provider.faults.change(changes)

    def ask(
        self, method: str, path: str, key: str | None = "k", **options: Any
    ) -> httpx.Response:
        """Ask either origin; a URL of the files origin goes there."""
        on_files = path.startswith(self.provider.files_url)
        origin = app(self.provider, FILES if on_files else API)
        headers = {"authorization": f"Bearer {key}"} if key is not None else {}
        headers |= options.pop("headers", {})

        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(origin), base_url=self.provider.url
            ) as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(asked())

    def submit(
        self, model: str = V26, key: str | None = "k", **inputs: Any
    ) -> httpx.Response:
        body = LEAST[model] | inputs
        return self.ask("POST", f"/api/v3/{model}", key, json=body)

    def start(self, model: str = V26, **inputs: Any) -> str:
        """Id of a new prediction."""
        answer = self.submit(model, **inputs)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["id"])

    def result(self, prediction_id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/api/v3/predictions/{prediction_id}/result")
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"])

    def post(self, path: str, **body: object) -> Any:
        """The data of an answer that must be a success."""
        answer = self.ask("POST", f"/api/v3/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def books(self) -> dict[str, Any]:
        return dict(self.ask("GET", "/sandbox/books?rows=1", None).json())


@contextmanager
def open_desk(folder: Path, *keys: str) -> Iterator[Desk]:
    """A desk with fresh books; predictions take exactly 20 s."""
    with ThreadPoolExecutor(1) as pool:
        provider = Provider(
            "http://api.test", "http://files.test", folder, pool, frozenset(keys)
        )
        desk = Desk(provider)
        provider.clock = lambda: desk.now_s
        desk.configure(spread=0, generation_s=20)
        yield desk
