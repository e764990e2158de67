#!/usr/bin/env bash
# JSF makes examples that their own schema refuses.
#
# Expected: an example made from a JSON Schema is valid by it. JSF reads `properties`,
# `enum` and ranges and leaves out `if`/`then` and `not` without a word:
# of two hundred requests for a model whose cheap mode allows only two lengths, every sixth
# is one that the model would refuse.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check jsf==0.11.2 jsonschema==4.26.0
"$folder/venv/bin/python" - <<'PYTHON'
import random
import sys
from importlib.metadata import version

import jsonschema
from jsf import JSF

PLAIN = {
    "type": "object",
    "properties": {
        "mode": {"type": "string", "enum": ["std", "pro"]},
        "duration": {"type": "integer", "enum": [5, 10, 15]},
    },
    "required": ["mode", "duration"],
}
CHEAP = {"properties": {"mode": {"const": "std"}}, "required": ["mode"]}
SCHEMAS = {
    "plain": PLAIN,
    "if/then": {**PLAIN, "if": CHEAP, "then": {"properties": {"duration": {"enum": [5, 10]}}}},
    "not": {**PLAIN, "not": {"properties": {"mode": {"const": "pro"}, "duration": {"const": 5}}}},
}


def refused(schema: dict, examples: int = 200) -> int:
    """How many examples of a schema are not valid by it."""
    valid = jsonschema.Draft202012Validator(schema).is_valid
    return sum(not valid(JSF(schema).generate()) for _ in range(examples))


random.seed(1)
print(f"jsf {version('jsf')}, jsonschema {version('jsonschema')}")
found = {name: refused(schema) for name, schema in SCHEMAS.items()}
for name, count in found.items():
    print(f"  {name}: {count} of 200 examples are refused by their schema")
as_found = found["plain"] == 0 and found["if/then"] > 10 and found["not"] > 10
print("as found" if as_found else "CHANGED")
sys.exit(not as_found)
PYTHON
