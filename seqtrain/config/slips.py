"""What a number or a truth value was meant to be that YAML reads as text."""

import re

from yaml import Node, ScalarNode

_MEANT = {"yes": "true", "on": "true", "y": "true", "1": "true"}
_MEANT |= {"no": "false", "off": "false", "n": "false", "0": "false"}
# Text that YAML 1.1 or other tools read as an integer, and its base.
_INTEGERS = [
    (r"0[xX][\da-fA-F]+", 16),
    (r"0[oO]?[0-7]+", 8),
    (r"0[bB][01]+", 2),
    (r"\d+(_\d+)+|[1-9]\d{0,2}([,' ]\d{3})+", 10),
]
# As most languages but English write a number: 0,001.
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")


def remedy(node: Node, needed: str) -> str:
    """Say how to write what a text was meant to be; empty if that is not clear.

    Args:
        node: The node with the wrong value.
        needed: What is needed there, such as `a number`.
    """
    if not isinstance(node, ScalarNode):
        return ""
    text = node.value.strip()
    if needed == "true or false" and text.casefold() in _MEANT:
        return f"write {_MEANT[text.casefold()]}"
    if needed not in ("a number", "an integer") or len(text) > 40:
        return ""
    if node.style and re.fullmatch(r"[-+]?\.?\d[\d.eE+-]*", text):
        return "a number stands without quotes"
    meant = [_integer(text)]
    if needed == "a number" and _DECIMAL_COMMA.fullmatch(text):
        meant.append(text.replace(",", "."))
    meant = " or ".join(filter(None, meant))
    return f"write {meant}" if meant else ""


def _integer(text: str) -> str | None:
    for pattern, base in _INTEGERS:
        if re.fullmatch(pattern, text):
            digits = re.sub(r"[_,' ]", "", text) if base == 10 else text
            octal = ", if it is octal" if base == 8 else ""
            return f"{int(re.sub('[oO]', '', digits), base)}{octal}"
    return None
