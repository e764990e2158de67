"""What was found becomes problems and contents, job by job."""

import hashlib

from jobs.catalogue import builtin
from jobs.job import Job
from producer.image_checks import ImageCache, contents_of, problems_of
from producer.image_checks.check import check_images
from tests.producer.image_checks.conftest import QUICK, Checker
from tests.producer.image_checks.gallery import Gallery, picture


def job_of(name: str, **inputs: object) -> Job:
    return Job("mug", 7, builtin().find(name).id, inputs, 210_000, "mug.mp4")


def look_at(cache: ImageCache, *addresses: str) -> None:
    check_images(addresses, cache, near_allowed=True, whole=True, limits=QUICK)


def test_a_bad_picture_is_a_problem_at_its_row_and_column(
    host: Gallery, check: Checker
) -> None:
    small = host.show("/small.png", picture(240, 320, "PNG"))
    missing = f"{host.url}/missing.jpg"
    model = builtin().find("kling-v3.0-std")
    job = job_of("kling-v3.0-std", image=small, end_image=missing, prompt="turn")
    with check.cache() as cache:
        assert problems_of(job, model, cache, "mugs.csv") == []  # nothing was checked
        assert contents_of(job, model, cache) == {}
        look_at(cache, small, missing)
        first, second = problems_of(job, model, cache, "mugs.csv")
    assert (first.file, first.line, first.column) == ("mugs.csv", 7, "image")
    assert (first.value, first.kind) == (small, "picture-sides")
    assert "240 x 320 px" in first.message
    assert (second.column, second.kind) == ("end_image", "unreachable")


def test_one_picture_may_suit_one_model_and_not_another(
    host: Gallery, check: Checker
) -> None:
    wide = host.show("/wide.jpg", picture(900, 300))
    expected = {"kling-v2.6-std": [], "kling-v3.0-std": ["picture-aspect"]}
    with check.cache() as cache:
        look_at(cache, wide)
        for name, kinds in expected.items():
            job, model = job_of(name, image=wide), builtin().find(name)
            assert [p.kind for p in problems_of(job, model, cache, "x")] == kinds


def test_every_picture_of_a_list_is_judged_and_has_its_content(
    host: Gallery, check: Checker
) -> None:
    content = picture()
    good = host.show("/a.jpg", content)
    bad = host.show("/b.gif", picture(kind="GIF"))
    model = builtin().find("kling-v1.6-multi")
    job = job_of("kling-v1.6-multi", images=[good, bad, bad], prompt=good)
    with check.cache() as cache:
        look_at(cache, good, bad)
        (problem,) = problems_of(job, model, cache, "x")
        assert (problem.column, problem.kind) == ("images", "picture-format")
        contents = contents_of(job, model, cache)
    assert contents[good] == hashlib.sha256(content).hexdigest()
