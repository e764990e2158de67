"""A manifest to begin with, written where a person wants it: the command `init`.

It decides by the file's ending which form it has, and never writes over a file unless
told to; what stands in it is decided in `jobs.manifest.starter`.
"""

import json as jsonlib
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from jobs.catalogue import Catalogue, Model, UnknownModel, builtin
from jobs.manifest.schema import schema
from jobs.manifest.starter import SCHEMA_NAME, csv_starter, explanations, yaml_starter
from jobs.wording import choice
from producer import tables
from producer.exits import Exit, Stop
from producer.printing import print_json

#: What is written if no file is named.
DEFAULT_PATH = Path("products.yaml")

_YAML = (".yaml", ".yml")
_CSV = (".csv",)


def init(path: Path | None, models: Sequence[str], *, force: bool, json: bool) -> int:
    """Write a starter manifest; in YAML with its schema for editors beside it.

    Args:
        path: where to; its ending decides the form.
        models: names of the models that get a row; none is the first of the catalogue.
        force: write over files that are there.
        json: print what was written as JSON.

    Raises:
        Stop: a file is there, cannot be written, or has no ending of a manifest; or
            there is no such model.
    """
    path = path or DEFAULT_PATH
    catalogue = builtin()
    chosen = _chosen(models, catalogue)
    texts = _texts(path, chosen, catalogue)
    if not force:
        _refuse_to_overwrite(texts)
    for place, text in texts.items():
        _write(place, text, force=force)
    if json:
        names = [model.name for model in chosen]
        print_json({"written": [str(each) for each in texts], "models": names})
        return Exit.STORED
    _tell(path, list(texts), chosen)
    return Exit.STORED


def _chosen(names: Sequence[str], catalogue: Catalogue) -> list[Model]:
    try:
        found = [catalogue.find(name) for name in names]
    except UnknownModel as unknown:
        raise Stop(f"--model: {unknown}; reelmill models lists them") from None
    unique = {model.id: model for model in found}
    return list(unique.values()) or list(catalogue.models.values())[:1]


def _texts(
    path: Path, chosen: Sequence[Model], catalogue: Catalogue
) -> Mapping[Path, str]:
    """What is to be written, by file."""
    ending = path.suffix.casefold()
    if ending in _CSV:
        return {path: csv_starter(chosen)}
    if ending not in _YAML:
        raise Stop(
            f"{path}: its ending says no form of starter; "
            f"name it {choice((*_YAML, *_CSV))}, such as {_like(path)}"
        )
    others = [model for model in catalogue.models.values() if model not in chosen]
    for_editors = jsonlib.dumps(schema(catalogue), ensure_ascii=False, indent=1)
    return {
        path: yaml_starter(chosen, others, shlex.quote(str(path))),
        path.with_name(SCHEMA_NAME): for_editors + "\n",
    }


def _like(path: Path) -> Path:
    """What could have been meant by a path that is no manifest's."""
    return path / DEFAULT_PATH if path.is_dir() else path.with_suffix(_YAML[0])


def _refuse_to_overwrite(texts: Mapping[Path, str]) -> None:
    """Nothing is written if anything is in the way, but for a schema of today."""
    for place, text in texts.items():
        if (place.exists() or place.is_symlink()) and not _is_written(place, text):
            raise Stop(
                f"{place} is there already and nothing was written; "
                "name another file, or pass --force to write over it"
            )


def _is_written(place: Path, text: str) -> bool:
    if place.name != SCHEMA_NAME:
        return False
    try:
        return place.read_text(encoding="utf-8") == text
    except (OSError, UnicodeError):
        return False


def _write(place: Path, text: str, *, force: bool) -> None:
    if not force and _is_written(place, text):
        return
    try:
        # Exclusively, so that a file made since the look is not lost either.
        with place.open("w" if force else "x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        raise Stop(f"{place} is there already; name another file") from None
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise Stop(
            f"{place}: cannot be written ({reason}); "
            "name a file in a folder that you can write to"
        ) from None


def _tell(path: Path, written: Sequence[Path], chosen: Sequence[Model]) -> None:
    """What was written and what comes next; of CSV what its columns mean as well."""
    named = choice([str(each) for each in written], word="and")
    tables.out.print(f"{named} written", markup=False, soft_wrap=True)
    if path.suffix.casefold() in _CSV:
        for model in chosen:
            for line in explanations(model):
                tables.say(line)
    command = shlex.join(["reelmill", "check", "--no-look", str(path)])
    tables.say(f"put your pictures and words into it; {command} says if it is right")
