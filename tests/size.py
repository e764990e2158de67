"""`make size`: how much code there is, part by part, beside what it may be at most.

Exit code 1 if a part is larger.
"""

import ast
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PRODUCT = ("jobs", "producer", "worker", "sandbox")

#: Most of each.
LIMITS = {
    "lines of the product": 24_500,
    "files of the product": 160,
    "lines of tests": 22_000,
    "lines of bench": 2_800,
    "lines of docs": 1_700,
    "noqa in the product": 15,
    "lines of a function, 90th percentile": 18,
    "lines of the longest file": 600,
}


def files(*folders: str, suffix: str = ".py") -> list[Path]:
    """The files below folders of the repository."""
    found = (path for f in folders for path in (ROOT / f).rglob(f"*{suffix}"))
    return sorted(found)


def lines(paths: list[Path]) -> int:
    """Their lines in all."""
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


def function_lines(paths: list[Path]) -> list[int]:
    """How long each function is."""
    return [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def measured() -> dict[str, int]:
    """What there is, by the names of `LIMITS`."""
    product = files(*PRODUCT)
    noqa = sum(p.read_text("utf-8").count("noqa:") for p in product)
    return {
        "lines of the product": lines(product),
        "files of the product": len(product),
        "lines of tests": lines(files("tests")),
        "lines of bench": lines(files("bench")),
        "lines of docs": lines(files("docs", suffix=".md")),
        "noqa in the product": noqa,
        "lines of a function, 90th percentile": round(
            statistics.quantiles(function_lines(product), n=10)[-1]
        ),
        "lines of the longest file": max(lines([path]) for path in product),
    }


def main() -> int:
    """Print the table; the exit code."""
    found = measured()
    for name, most in LIMITS.items():
        mark = "" if found[name] <= most else "  too much"
        sys.stdout.write(f"{name:<38}{found[name]:>7,}  of {most:>6,}{mark}\n")
    for folder in PRODUCT:
        own = files(folder)
        sys.stdout.write(f"  {folder:<36}{lines(own):>7,}  in {len(own)} files\n")
    return int(any(found[name] > most for name, most in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
