"""What was seen becomes problems and contents, job by job."""

import hashlib
from pathlib import Path

from jobs.catalogue import builtin
from jobs.job import Job
from producer.image_checks import ImageCache, contents_of, problems_of
from producer.image_checks.round import look_at
from tests.producer.image_checks.conftest import QUICK
from tests.producer.image_checks.gallery import Gallery, picture


def job_of(name: str, **inputs: object) -> Job:
    return Job("mug", 7, builtin().find(name).id, inputs, 210_000, "mug.mp4")


def seen(memory: ImageCache, *addresses: str) -> None:
    look_at(addresses, memory, near_allowed=True, whole=True, manners=QUICK)


def test_a_bad_picture_is_a_problem_at_its_row_and_column(
    host: Gallery, tmp_path: Path
) -> None:
    small = host.show("/small.png", picture(240, 320, "PNG"))
    missing = f"{host.url}/missing.jpg"
    model = builtin().find("kling-v3.0-std")
    job = job_of("kling-v3.0-std", image=small, end_image=missing, prompt="turn")
    memory = ImageCache.open(tmp_path / "pictures.sqlite")
    seen(memory, small, missing)
    first, second = problems_of(job, model, memory, "mugs.csv")
    memory.close()
    assert (first.file, first.line, first.column) == ("mugs.csv", 7, "image")
    assert first.value == small
    assert first.kind == "picture-sides"
    assert str(first) == (
        f'mugs.csv, line 7, column image: "{small}" is 240 x 320 px; '
        "each side needs 300 px"
    )
    assert (second.column, second.kind) == ("end_image", "unreachable")
    assert "HTTP 404" in second.message


def test_one_picture_may_suit_one_model_and_not_another(
    host: Gallery, tmp_path: Path
) -> None:
    wide = host.show("/wide.jpg", picture(900, 300))
    memory = ImageCache.open(tmp_path / "pictures.sqlite")
    seen(memory, wide)
    found = {
        name: [
            problem.kind
            for problem in problems_of(
                job_of(name, image=wide), builtin().find(name), memory, "x"
            )
        ]
        for name in ("kling-v2.6-std", "kling-v3.0-std")
    }
    memory.close()
    assert found == {"kling-v2.6-std": [], "kling-v3.0-std": ["picture-aspect"]}


def test_every_picture_of_a_list_is_judged_and_has_its_content(
    host: Gallery, tmp_path: Path
) -> None:
    content = picture()
    good = host.show("/a.jpg", content)
    bad = host.show("/b.gif", picture(kind="GIF"))
    model = builtin().find("kling-v1.6-multi")
    job = job_of("kling-v1.6-multi", images=[good, bad, bad], prompt=good)
    memory = ImageCache.open(tmp_path / "pictures.sqlite")
    seen(memory, good, bad)
    (problem,) = problems_of(job, model, memory, "x")
    assert problem.column == "images"
    assert "is GIF" in problem.message
    contents = contents_of(job, model, memory)
    assert contents[good] == hashlib.sha256(content).hexdigest()
    memory.close()


def test_what_was_not_looked_at_is_no_problem(tmp_path: Path) -> None:
    memory = ImageCache.open(tmp_path / "pictures.sqlite")
    model = builtin().find("kling-v2.6-std")
    job = job_of("kling-v2.6-std", image="https://example.com/a.jpg", prompt="turn")
    assert problems_of(job, model, memory, "x") == []
    assert contents_of(job, model, memory) == {}
    memory.close()
