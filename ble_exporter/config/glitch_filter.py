"""The setting `glitch_filter`, for the whole file or for one device."""

from ble_exporter.config.yaml_document import Document, Node, show_value

GLITCH_FILTER = "glitch_filter"


def read_glitch_filter(document: Document, node: Node | None) -> bool | None:
    """
    Return the value of the setting; None if it is absent or invalid. An invalid value is reported to the document.

    Args:
        document: The file, or a device in it.
        node: The value; None if the setting is absent.
    """
    if node is None:
        return None
    with document.errors:
        value = document.scalar(node, GLITCH_FILTER)
        if not isinstance(value, bool):
            problem = f"{show_value(node, value)} is neither true nor false"
            document.fail(node, problem, f"write `{GLITCH_FILTER}: true`", key=GLITCH_FILTER)
        return value
    return None
