#!/usr/bin/env bash
# feedparser keeps one further picture of a product that has two, and one price of shipping.
#
# Expected: Google Merchant's feeds repeat `g:additional_image_link` for each further picture
# and `g:shipping` for each country, and a reader of feeds gives all of them, as its lists of
# links and enclosures do. feedparser has one text for each name of a foreign namespace, the
# last one, wherever in the product it is; nothing says that there were others.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check feedparser==6.0.14
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version
from xml.etree import ElementTree

import feedparser

FEED = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title><item>
<g:id>LAMP-1</g:id><title>Desk lamp</title>
<g:image_link>https://shop.example/1.jpg</g:image_link>
<g:additional_image_link>https://shop.example/2.jpg</g:additional_image_link>
<g:additional_image_link>https://shop.example/3.jpg</g:additional_image_link>
<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>
<g:shipping><g:country>FR</g:country><g:price>9.90 EUR</g:price></g:shipping>
</item></channel></rss>"""
GOOGLE = "{http://base.google.com/ns/1.0}"

feed = feedparser.parse(FEED)
(entry,) = feed.entries
item = ElementTree.fromstring(FEED).find("channel/item")
names = ("additional_image_link", "country", "price", "shipping")
written = {n: [e.text or "" for e in item.iter(GOOGLE + n)] for n in names}
read = {n: entry.get(f"g_{n}") for n in names}
print(f"feedparser {version('feedparser')}, malformed: {bool(feed.bozo)}")
for name in names:
    print(f"  {name}: written {written[name]}, read {read[name]!r}")
expected = {
    "additional_image_link": "https://shop.example/3.jpg",
    "country": "FR",
    "price": "9.90 EUR",
    "shipping": "",
}
same = read == expected and not feed.bozo
print("as found" if same else "CHANGED")
sys.exit(not same)
PYTHON
