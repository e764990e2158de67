#!/usr/bin/env bash
# python-calamine reads two lines of one cell of an OpenDocument sheet as one word.
#
# Expected: `<text:line-break/>` and `<text:tab/>` in a paragraph separate words, as two
# paragraphs and `<text:s/>` do, which are the other white space that OpenDocument writes as
# elements. python-calamine gives those two and drops the first two: "brass" and "lamp" in two
# lines are "brasslamp". pyexcel-ods3 reads all four.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
  python-calamine==0.9.1 odfpy==1.4.1 pyexcel-ods3==0.6.1
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import pyexcel_ods3
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import LineBreak, P, S, Tab
from python_calamine import CalamineWorkbook

book = OpenDocumentSpreadsheet()
sheet = Table(name="Products")
book.spreadsheet.addElement(sheet)
for white_space in (LineBreak(), Tab(), S(c=2), None):
    cell = TableCell(valuetype="string")
    first = P(text="brass")
    cell.addElement(first)
    if white_space is None:
        cell.addElement(P(text="lamp"))
    else:
        first.addElement(white_space)
        first.addText("lamp")
    row = TableRow()
    row.addElement(cell)
    sheet.addElement(row)
book.save("products.ods")


rows = CalamineWorkbook.from_path("products.ods").get_sheet_by_index(0).to_python()
found = {
    "python-calamine": [row[0] for row in rows],
    "pyexcel-ods3": [row[0] for row in pyexcel_ods3.get_data("products.ods")["Products"]],
}
versions = ("python-calamine", "pyexcel-ods3", "odfpy")
print(", ".join(f"{name} {version(name)}" for name in versions))
print("written: line break, tab, two blanks, two paragraphs")
for name, texts in found.items():
    print(f"  {name}: {texts}")
expected = {
    "python-calamine": ["brasslamp", "brasslamp", "brass  lamp", "brass\nlamp"],
    "pyexcel-ods3": ["brass\nlamp", "brass\tlamp", "brass  lamp", "brass\nlamp"],
}
print("as found" if found == expected else "CHANGED")
sys.exit(found != expected)
PYTHON
