"""Checks the texts that the exporter shows to everybody: the names and the labels of devices."""

import re

from ble_exporter.utils import hidden_in

BINDKEY_WITHIN = re.compile(r"[0-9A-Fa-f]{20}|([0-9A-Fa-f]{2}[ :.-]){9}[0-9A-Fa-f]{2}")
"""Matches a bindkey in a text, even one that lacks some digits or has separators. A Bluetooth address is too short."""


def text_problem(what: str, text: str, *, bindkey_hint: str, example: str) -> str:
    """
    Return why a text is invalid, and how to fix it; an empty string if it is valid. Never shows a bindkey.

    Args:
        what: The kind of text, such as "name".
        text: The text.
        bindkey_hint: What to do if the text contains a bindkey.
        example: A valid text.
    """
    if BINDKEY_WITHIN.search(text):
        return f"a bindkey is written in place of the {what}; {bindkey_hint}"
    if not text.strip(" \u200c\u200d"):
        return f'the {what} is empty; write one, such as "{example}"'
    hidden = hidden_in(text)
    if hidden:
        kind = "control character" if ord(hidden) < 0xA0 else "invisible character"
        return f"the {what} contains the {kind} U+{ord(hidden):04X}; remove it"
    return ""
