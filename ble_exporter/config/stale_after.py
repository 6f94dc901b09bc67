"""The setting `stale_after_seconds`, for the whole file or for one device."""

import math
from typing import Literal

from ble_exporter.config.yaml_document import Document, Node, Scalar, show_value

StaleAfter = float | Literal["auto", "never"]
"""How long a value is shown after it was heard: seconds, the learned time ("auto"), or until it changes ("never")."""

STALE_AFTER = "stale_after_seconds"

_LEAST_S = 1


def read_stale_after(document: Document, node: Node | None, pause_s: float) -> StaleAfter | None:
    """
    Return the value of the setting; None if it is absent or invalid. An invalid value is reported to the document.

    Args:
        document: The file, or a device in it.
        node: The value; None if the setting is absent.
        pause_s: The pause between two scans in seconds; a value must not expire during a pause.
    """
    if node is None:
        return None
    with document.errors:
        return _checked(document, node, pause_s)
    return None


def _checked(document: Document, node: Node, pause_s: float) -> StaleAfter:
    hint = f"write `{STALE_AFTER}: auto`"
    value = document.scalar(node, STALE_AFTER)
    setting = _setting(value)
    if setting is None:
        problem = f'{show_value(node, value)} is neither a number of {_LEAST_S} or more nor "auto" or "never"'
        document.fail(node, problem, hint, key=STALE_AFTER)
    if is_too_short(setting, pause_s):
        problem = (
            f"{setting:g} is not longer than the pause between two scans ({pause_s:g} s), so every value would expire "
            "before it can be heard again"
        )
        document.fail(node, problem, f"make it longer, or {hint}", key=STALE_AFTER)
    return setting


def is_too_short(setting: StaleAfter | None, pause_s: float) -> bool:
    """Return whether values would expire during a pause of this many seconds between two scans."""
    return isinstance(setting, int | float) and setting <= pause_s


def _setting(value: Scalar) -> StaleAfter | None:
    if value == "auto":
        return "auto"
    if value == "never":
        return "never"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if _LEAST_S <= value < math.inf else None
