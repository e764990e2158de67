import asyncio
from pathlib import Path

from sandbox.models import known_models
from tests.sandbox.desk import MULTI, V26, V30, Desk


def made(desk: Desk, *ids: str) -> list[Path]:
    async def all_of_them() -> list[Path]:
        found = [desk.provider.predictions[each][1] for each in ids]
        shelf = desk.provider.shelf
        return await asyncio.gather(
            *(shelf.video(one, known_models()[one.model], "small") for one in found)
        )

    return asyncio.run(all_of_them())


def test_predictions_alike_share_one_rendering(desk: Desk) -> None:
    one, two = made(desk, desk.start(prompt="a"), desk.start(prompt="b"))
    assert one == two
    assert one.read_bytes()[4:8] == b"ftyp"


def test_what_looks_different_is_rendered_apart(desk: Desk) -> None:
    paths = made(
        desk,
        desk.start(V26),
        desk.start(V26, duration=10),
        desk.start(V26, image="https://shop.example/bag.jpg"),
        desk.start(V30, duration=5, sound=True),
        desk.start(MULTI),
        desk.start(MULTI, aspect_ratio="16:9"),
    )
    assert len(set(paths)) == 6


def test_only_so_many_videos_are_kept(desk: Desk) -> None:
    async def many() -> list[Path]:
        shelf = desk.provider.shelf
        paths = []
        for started in ids:
            prediction = desk.provider.predictions[started][1]
            model = known_models()[prediction.model]
            paths.append(await shelf.video(prediction, model, "small"))
        return paths

    ids = [desk.start(image=f"https://shop.example/{n}.jpg") for n in range(3)]
    shelf = desk.provider.shelf
    shelf.most = 2
    paths = asyncio.run(many())
    assert [path.exists() for path in paths] == [False, True, True]
