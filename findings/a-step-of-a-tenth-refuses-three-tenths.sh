#!/usr/bin/env bash
# A validator of JSON Schema refuses 0.3 where steps of 0.1 are allowed.
#
# Expected: a strength of 0.3 fits `"multipleOf": 0.1`, as 1.1 does; the specification speaks
# of numbers, not of binary fractions. jsonschema divides floats: 0.3 and 0.7, and 0.29 and
# 1.15 in steps of 0.01, are refused; 1.1 is accepted. fastjsonschema and jsonschema-rs accept
# all of them and refuse 0.25 in steps of 0.1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  jsonschema==4.26.0 fastjsonschema==2.22.3 jsonschema-rs==0.61.2
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import fastjsonschema
import jsonschema
import jsonschema_rs

TENTHS = {"type": "number", "multipleOf": 0.1}
HUNDREDTHS = {"type": "number", "multipleOf": 0.01}

#: Schema, value, and whether jsonschema, fastjsonschema and jsonschema-rs accept it.
SEEN = [
    (TENTHS, 0.3, (False, True, True)),
    (TENTHS, 0.7, (False, True, True)),
    (TENTHS, 1.1, (True, True, True)),
    (TENTHS, 0.25, (False, False, False)),
    (HUNDREDTHS, 0.29, (False, True, True)),
    (HUNDREDTHS, 1.15, (False, True, True)),
]


def verdicts(schema: dict, value: object) -> tuple[bool, ...]:
    """Whether each validator accepts a value."""
    return (
        jsonschema.Draft202012Validator(schema).is_valid(value),
        fast_accepts(schema, value),
        jsonschema_rs.validator_for(schema).is_valid(value),
    )


def fast_accepts(schema: dict, value: object) -> bool:
    """The same of fastjsonschema, which raises."""
    try:
        fastjsonschema.compile(schema)(value)
    except fastjsonschema.JsonSchemaValueException:
        return False
    return True


names = ("jsonschema", "fastjsonschema", "jsonschema-rs")
print(", ".join(f"{name} {version(name)}" for name in names))
changed = False
for schema, value, expected in SEEN:
    found = verdicts(schema, value)
    changed |= found != expected
    words = ", ".join("accepted" if each else "refused" for each in found)
    print(f"  {value} by {schema}: {words}")
print("CHANGED" if changed else "as found")
sys.exit(changed)
PYTHON
