"""`init`: write a manifest to begin with; its ending decides between YAML and CSV."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jobs.catalogue import Catalogue, Model, UnknownModelError
from jobs.manifest.starter import csv_starter, explanations, yaml_starter
from jobs.text import choice
from producer import console, model_list
from producer.console import print_json
from producer.exits import CommandError, Exit
from producer.options import Flag, Json, chosen_settings

#: What is written if no file is named.
DEFAULT_PATH = Path("products.yaml")

_YAML = (".yaml", ".yml")
_CSV = (".csv",)


def init(
    path: Path | None = None,
    /,
    *,
    model: Annotated[tuple[str, ...], Parameter(negative="")] = (),
    force: Flag = False,
    json: Json = False,
) -> int:
    """Write a manifest to begin with; its ending decides between YAML and CSV.

    For example:

        reelmill init
        reelmill init catalogue.csv --model kling-v3.0-std

    `reelmill models list` has the names of the models.

    Args:
        path: The file to write, `products.yaml` unless named.
        model: Models to show a row of; repeatable.
        force: Replace a file that is there.
        json: Print what was written as JSON.
    """
    path = path or DEFAULT_PATH
    catalogue = model_list.catalogue(chosen_settings())
    chosen = _chosen(model, catalogue)
    is_csv = path.suffix.casefold() in _CSV
    _write(path, _text(path, chosen, catalogue), force=force)
    if json:
        names = [each.name for each in chosen]
        print_json({"written": [str(path)], "models": names})
        return Exit.STORED
    console.tell(f"{path} written")
    for each in chosen if is_csv else ():
        for line in explanations(each):
            console.say(line)
    command = shlex.join(["reelmill", "check", "--no-look", str(path)])
    console.say(f"put your pictures and words into it; {command} says if it is right")
    return Exit.STORED


def _chosen(names: Sequence[str], catalogue: Catalogue) -> list[Model]:
    try:
        found = [catalogue.find(name) for name in names]
    except UnknownModelError as unknown:
        raise CommandError(f"--model: {unknown}; reelmill models lists them") from None
    unique = {model.id: model for model in found}
    return list(unique.values()) or list(catalogue.models.values())[:1]


def _text(path: Path, chosen: Sequence[Model], catalogue: Catalogue) -> str:
    """What is to be written."""
    ending = path.suffix.casefold()
    if ending in _CSV:
        return csv_starter(chosen)
    if ending not in _YAML:
        like = path / DEFAULT_PATH if path.is_dir() else path.with_suffix(_YAML[0])
        raise CommandError(
            f"{path}: a starter cannot have this ending; "
            f"name it {choice((*_YAML, *_CSV))}, such as {like}"
        )
    others = [model for model in catalogue.models.values() if model not in chosen]
    return yaml_starter(chosen, others, shlex.quote(str(path)))


def _write(place: Path, text: str, *, force: bool) -> None:
    try:
        with place.open("w" if force else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise CommandError(
            f"{place} is there already and nothing was written; "
            "name another file, or pass --force to write over it"
        ) from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise CommandError(
            f"{place}: cannot be written ({reason}); "
            "name a file in a folder that you can write to"
        ) from None
