#!/usr/bin/env bash
# xlsx2csv writes the format of a number into the table, and the number is lost.
#
# Expected: a cell with 5 in the format `0" s"` becomes `5` or `5 s`. It becomes `0" s"`, and
# so does every other number of that column; `"SKU-"0000` becomes `"sku-"0000`; `General" cm"`
# is taken for a date. `00000` loses its zeros, and a row that a filter hides becomes an
# empty line.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xlsx2csv==0.8.6 openpyxl==3.1.5
cd "$folder"
venv/bin/python - <<'PYTHON'
import csv
import subprocess
import sys
from importlib.metadata import version

import openpyxl

#: Number, format, and the text that is written for it.
SEEN = [
    (123, "00000", "123"),
    (5, '0" s"', '0" s"'),
    (10, '0" s"', '0" s"'),
    (12, '"SKU-"0000', '"sku-"0000'),
    (42, 'General" cm"', 'general" c02"'),
]

book = openpyxl.Workbook()
sheet = book.active
for number, form, _ in SEEN:
    sheet.append([number])
    sheet.cell(sheet.max_row, 1).number_format = form
sheet.append(["hidden"])
sheet.row_dimensions[sheet.max_row].hidden = True
sheet.append(["last"])
book.save("sizes.xlsx")
done = subprocess.run(
    ["venv/bin/xlsx2csv", "sizes.xlsx"], capture_output=True, text=True, check=True
)
found = list(csv.reader(done.stdout.splitlines()))
print(f"xlsx2csv {version('xlsx2csv')}, openpyxl {version('openpyxl')}")
for (number, form, _), row in zip(SEEN, found, strict=False):
    print(f"  {number} in the format {form}: {row}")
print(f"  then a hidden row and one more: {found[len(SEEN):]}")
expected = [*([text] for _, _, text in SEEN), [], ["last"]]
as_found = found == expected
print("as found" if as_found else "CHANGED")
sys.exit(not as_found)
PYTHON
