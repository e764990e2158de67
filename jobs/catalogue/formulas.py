"""Spreadsheet formulas that were never computed: how one is told from a text.

It decides by the look of a cell alone; what comes of it stands in `inputs`. A number
with a sign and a prompt that begins with a dash are no formulas.
"""

import re

STARTS = frozenset("=+-@")

_CELL = r"\$?[A-Za-z]{1,3}\$?[0-9]{1,7}"
_QUOTED = r'"[^"]*"|\'[^\']*\''
#: What may follow an equals sign: a call, a cell or a range, another sheet's cell, a
#: number, a text, a truth, or any of it in brackets.
_BEHIND_EQUALS = re.compile(
    rf"""[\s({{+-]*(?:
        [^\W\d][\w.]*\(
      | (?:'[^']*'|\[[^\]]*\][\w.]*|[\w.]+)!\$?[A-Za-z]
      | [A-Za-z_]\w*\[
      | {_CELL}\s*(?:$|[-+*/^&=<>:;,%)}}])
      | \$?[A-Za-z]{{1,3}}:\$?[A-Za-z]{{1,3}}\s*$
      | [0-9]+(?:[.,][0-9]+)?\s*(?:$|[-+*/^&=<>;,%)}}])
      | (?:{_QUOTED})\s*(?:$|[&=<>;,)}}])
      | (?:TRUE|FALSE)\s*$
      | [\#@]
    )""",
    re.VERBOSE,
)
#: Signs that a spreadsheet also begins a formula with; texts do so more often.
_BEHIND_SIGN = re.compile(
    r"""(?:
        [A-Z][A-Z0-9.]*\(.*\)
      | \$?[A-Z]{1,3}\$?[0-9]{1,7}\s*(?:$|[-+*/^&])
      | [A-Za-z]+\|.*!
    )""",
    re.VERBOSE | re.DOTALL,
)
_EXCHANGE = re.compile(r"\s*[A-Za-z]+\|.*!", re.DOTALL)


def is_formula(text: str) -> bool:
    """True if a spreadsheet would compute this cell, and nobody would write it so.

    >>> is_formula('=A1&" turning"'), is_formula("-5"), is_formula("- slow pan")
    (True, False, False)
    """
    text = text.strip()
    if text[:1] not in STARTS:
        return False
    behind = text[1:]
    if text[0] != "=":
        return bool(_BEHIND_SIGN.match(behind))
    return bool(_BEHIND_EQUALS.match(behind) or _EXCHANGE.match(behind))
