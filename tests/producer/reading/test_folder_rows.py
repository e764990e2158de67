import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.catalogue import builtin
from jobs.job import Job
from jobs.manifest.naming import clean_id
from jobs.manifest.rows import Row
from producer.reading import Options, plan
from producer.reading.folder_rows import HIDDEN, NO_PICTURES, POSTERS, SEEN
from tests.producer.reading.manifests import recorded, rows_of, skipped, told

OPTIONS = Options(model="kling-v2.6-std", set={"prompt": "turn"})


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"picture")
    return folder


def test_every_picture_of_a_folder_is_a_row(tmp_path: Path) -> None:
    put(tmp_path, "mug.jpg", "lamps/small lamp.PNG", "lamps/b.webp", "z.jpeg")
    rows = rows_of(recorded(tmp_path))
    assert [row.cells["id"] for row in rows] == [
        "lamps-b",
        "lamps-small-lamp",
        "mug",
        "z",
    ]
    assert rows[1] == Row(
        f"{tmp_path}/",
        2,
        2,
        {
            "id": "lamps-small-lamp",
            "image": f"{tmp_path}/lamps/small lamp.PNG",
            "file": "small lamp.PNG",
            "stem": "small lamp",
            "folder": "lamps",
        },
    )


@pytest.mark.parametrize(
    "written", ["pictures", "pictures/", "./pictures", "pictures//"]
)
def test_pictures_can_be_opened_as_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    put(tmp_path, "pictures/a/mug.jpg")
    monkeypatch.chdir(tmp_path)
    assert rows_of(recorded(written))[0].cells["image"] == "pictures/a/mug.jpg"


def test_a_folder_is_planned_like_a_manifest(tmp_path: Path) -> None:
    put(tmp_path, "mug.jpg", "lamp.png", "notes.txt")
    found = list(plan(tmp_path, OPTIONS, builtin()))
    assert {one.id for one in found if isinstance(one, Job)} == {"lamp", "mug"}


def test_pictures_of_one_name_get_ids_of_their_own(tmp_path: Path) -> None:
    put(tmp_path, "a/b.jpg", "a-b.png", "a/B.JPG", "mug.jpg", "mug.jpeg")
    found = list(plan(tmp_path, OPTIONS, builtin()))
    made = [one for one in found if isinstance(one, Job)]
    assert len(made) == len(found) == 5
    ids = {one.id for one in made}
    assert ids == {"a-b", "a-B.JPG", "a-b.jpg.3", "mug", "mug.jpg"}


def test_a_folder_without_pictures_has_no_rows(tmp_path: Path) -> None:
    put(tmp_path, "notes.txt")
    found = list(plan(tmp_path, OPTIONS, builtin()))
    assert str(found[-1]) == (
        f"{tmp_path}: there are no pictures in it; "
        "name a folder with JPEG or PNG pictures in it"
    )


def test_other_files_are_skipped_each_with_its_reason(tmp_path: Path) -> None:
    names = ["mug.jpg", ".hidden.jpg", ".git/a.jpg", "a/.b/c.jpg", "notes.txt", "mug"]
    found = recorded(put(tmp_path, *names))
    assert len(rows_of(found)) == 1
    assert sorted(skipped(found)) == [NO_PICTURES] * 2 + [HIDDEN] * 3


def test_what_a_store_among_the_pictures_holds_makes_no_rows(tmp_path: Path) -> None:
    beside = ["mug.mp4", "mug.json", "mug.poster.jpg"]
    kept = [f"videos/shop-1f0c33ab/{name}" for name in beside]
    found = recorded(put(tmp_path, "mug.jpg", *kept))
    assert [row.cells["id"] for row in rows_of(found)] == ["mug"]
    assert sorted(skipped(found)) == [NO_PICTURES] * 2 + [POSTERS]


def test_links_that_lead_round_do_not_hang(tmp_path: Path) -> None:
    put(tmp_path, "a/mug.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to(tmp_path / "c")
    found = recorded(tmp_path)
    assert [row.cells["id"] for row in rows_of(found)] == ["a-mug"]
    assert skipped(found) == [SEEN, SEEN, NO_PICTURES]


def test_a_folder_behind_a_link_is_listed(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/mug.jpg", "pictures/lamp.jpg")
    (tmp_path / "pictures" / "more").symlink_to(tmp_path / "elsewhere")
    rows = rows_of(recorded(tmp_path / "pictures"))
    assert [row.cells["id"] for row in rows] == ["lamp", "more-mug"]


def test_what_is_called_a_picture_and_is_no_file_is_told(tmp_path: Path) -> None:
    put(tmp_path, "mug.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    found = recorded(tmp_path)
    assert [kind for _, _, kind in told(found)] == ["not-a-file", "not-a-file"]
    assert f"{tmp_path}/gone.jpg: " in str(next(one for one in found if told([one])))


def test_a_very_deep_folder_does_not_overflow(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep /= "d"
    put(deep, "mug.jpg")
    found = recorded(tmp_path)
    row = rows_of(found)[0]
    assert row.cells["image"] == str(deep / "mug.jpg")
    assert row.cells["id"] == ""  # called by its place: no id is that long


NAMES = st.lists(
    st.text("ab.-_ ()äé😀²", min_size=1, max_size=8).filter(
        lambda name: name.strip(".") and not name.startswith(".")
    ),
    min_size=1,
    max_size=3,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_every_name_makes_an_id_or_none_and_the_order_is_that_of_the_paths(
    tmp_path_factory: pytest.TempPathFactory, names: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("pictures")
    put(folder, *("/".join([*parts[:-1], f"{parts[-1]}.jpg"]) for parts in names))
    rows = rows_of(recorded(folder))
    images = [str(row.cells["image"]) for row in rows]
    assert images == sorted(images)
    for row in rows:
        made = str(row.cells["id"])
        assert made == "" or clean_id(made) == made
