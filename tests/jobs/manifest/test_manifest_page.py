import re
from pathlib import Path

import pytest

from jobs.catalogue import builtin
from jobs.catalogue.inputs import Input
from jobs.manifest.layouts import builtin as builtin_layouts
from jobs.manifest.templates import FILTERS, Template

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")


def takes(spec: Input) -> str:
    if spec.type == "list":
        assert spec.item is not None
        count = f"list of {spec.min_items} to {spec.max_items}"
        if spec.item.type == "picture":
            return f"{count} pictures"
        parts = [part(name, one) for name, one in spec.item.fields.items()]
        return f"{count}: {', '.join(parts)}"
    words = str("whole number" if spec.type == "integer" else spec.type)
    if spec.allowed:
        words += f", {spec.allowed}"
    if spec.max_chars and not spec.choices:
        words += f", at most {spec.max_chars} characters"
    return words


def part(name: str, spec: Input) -> str:
    words = takes(spec)
    words += ", required" if spec.required else ""
    words += "" if spec.default is None else f", default {str(spec.default).lower()}"
    return f"`{name}` ({words})"


def test_the_page_lists_every_input_as_the_catalogue_has_it() -> None:
    listed = [line for line in PAGE.splitlines() if line.startswith("| kling-")]
    assert listed == [
        f"| {model.name} | {'<br>'.join(part(*each) for each in inputs.items())} |"
        for model, inputs in ((m, m.inputs) for m in builtin().models.values())
    ]


def sources() -> str:
    """The code that finds something wrong with a manifest."""
    files = [ROOT / "jobs" / "net.py", *(ROOT / "jobs" / "catalogue").glob("*.py")]
    files += (ROOT / "jobs" / "manifest").glob("*.py")
    files += (ROOT / "producer" / "manifests").glob("*.py")
    files += (ROOT / "producer" / "image_checks").glob("*.py")
    return "".join(file.read_text(encoding="utf-8") for file in files)


def test_the_page_explains_every_kind_of_problem() -> None:
    code = sources()
    _, _, explained = PAGE.partition("## Problems")
    for kind in re.findall(r"`([a-z][a-z-]*)`", explained):
        assert f'"{kind}"' in code
    flaws = re.findall(r'ValidationIssue\(\s*"([a-z-]+)"', code)
    flaws += re.findall(r'yield \(?\s*"([a-z-]+)"', code)
    flaws += re.findall(r'said = .*"([a-z-]+)"\)', code)
    assert len(flaws) > 10
    assert {kind for kind in flaws if f"`{kind}`" not in explained} == set()


def test_the_page_lists_the_exports_and_filters_that_are_understood() -> None:
    _, _, exports = PAGE.partition("### Exports of shops")
    for layout in builtin_layouts():
        for column in (*layout.recognised_by, layout.picture, *layout.ids):
            assert f"`{column}`" in exports
    _, _, filters = PAGE.partition("| filter | does |")
    table, _, _ = filters.partition("\n\n")
    assert {name for name in FILTERS if f"`{name}" not in table} == set()


@pytest.mark.parametrize(
    "text", re.findall(r"`(\{\{[^`]*\}\}|\{% if [^`]*endif %\})`", PAGE)
)
def test_every_template_on_the_page_can_be_used(text: str) -> None:
    assert Template(text.replace("\\|", "|")).sketch()
