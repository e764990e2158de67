import re
from pathlib import Path

from jobs.catalogue import builtin
from jobs.inputs import Input

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")


def takes(spec: Input) -> str:
    if spec.type == "list":
        assert spec.item is not None
        count = f"list of {spec.min_items} to {spec.max_items}"
        if spec.item.type == "picture":
            return f"{count} pictures"
        parts = [part(name, one) for name, one in spec.item.fields.items()]
        return f"{count}: {', '.join(parts)}"
    words = "whole number" if spec.type == "integer" else spec.type
    if spec.allowed:
        words += f", {spec.allowed}"
    if spec.max_chars and not spec.choices:
        words += f", at most {spec.max_chars} characters"
    return words


def part(name: str, spec: Input) -> str:
    words = takes(spec)
    words += ", required" if spec.required else ""
    words += "" if spec.default is None else f", default {spec.default}"
    return f"`{name}` ({words})"


def default(spec: Input) -> str:
    if spec.required:
        return "required"
    return "" if spec.default is None else f"`{str(spec.default).lower()}`"


def test_the_page_lists_every_input_as_the_catalogue_has_it() -> None:
    listed = [line for line in PAGE.splitlines() if line.startswith("| kling-")]
    assert listed == [
        f"| {model.name} | `{name}` | {takes(spec)} | {default(spec)} |"
        for model in builtin().models.values()
        for name, spec in model.inputs.items()
    ]


def test_the_page_explains_every_kind_of_problem() -> None:
    sources = [
        ROOT / "jobs" / f"{name}.py" for name in ("addresses", "inputs", "model")
    ]
    sources += [ROOT / "jobs" / f"{name}.py" for name in ("manifest", "columns")]
    sources += (ROOT / "producer").glob("reading*.py")
    code = "".join(source.read_text(encoding="utf-8") for source in sources)
    explained = PAGE[PAGE.index("## Problems") :]
    for kind in re.findall(r"`([a-z-]+)`", explained):
        assert f'"{kind}"' in code
    flaws = re.findall(r'Flaw\(\s*"([a-z-]+)"', code)
    assert len(flaws) > 10
    assert {kind for kind in flaws if f"`{kind}`" not in explained} == set()
