#!/usr/bin/env bash
# openpyxl takes a part of an id for an escape of XML and drops it.
#
# Expected: a text that XlsxWriter writes into a cell is read back the same, by openpyxl as
# by python-calamine. In a workbook `_x005F_` stands for an underscore that begins what looks
# like an escape; openpyxl deletes `x005F_` wherever it finds it, also where it is no escape,
# and gives others as they are written.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  openpyxl==3.1.5 XlsxWriter==3.2.9 python-calamine==0.6.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import openpyxl
import xlsxwriter
from python_calamine import CalamineWorkbook

WRITTEN = ["LAMPx005F_12", "MUG_x0041_7", "two\rlines"]

book = xlsxwriter.Workbook("ids.xlsx")
book.add_worksheet().write_column(0, 0, WRITTEN)
book.close()

read = {
    "openpyxl": [
        row[0].value for row in openpyxl.load_workbook("ids.xlsx").worksheets[0].rows
    ],
    "python-calamine": [
        row[0] for row in CalamineWorkbook.from_path("ids.xlsx").get_sheet_by_index(0).to_python()
    ],
}
print(f"XlsxWriter {version('XlsxWriter')} wrote {WRITTEN}")
for name, values in read.items():
    print(f"{name} {version(name)} reads {values}")
expected = {
    "openpyxl": ["LAMP12", "MUG_x0041_7", "two_x000D_lines"],
    "python-calamine": WRITTEN,
}
print("as found" if read == expected else "CHANGED")
sys.exit(read != expected)
PYTHON
