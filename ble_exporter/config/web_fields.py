"""Reads the values of a section of a web configuration."""

import re

from ble_exporter.config.yaml_document import (
    Document,
    Node,
    elements_of,
    entries_of,
    is_empty,
    is_list,
    is_mapping,
    is_scalar,
    text_of,
)

# The file may be written for exporter-toolkit, which follows YAML 1.1.
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

# A hash, or a part of a PEM text. Long words of Base64 usually contain digits; the format's long keywords contain none.
# Each word is tried only at its beginning, so that 32 kB of letters take a millisecond, not several seconds.
_SECRET = re.compile(r"\$2|PRIVATE KEY|(?<![A-Za-z0-9+/=])(?=[A-Za-z+/=]*[0-9])[A-Za-z0-9+/=]{16,}")


class Section:
    """
    A section, such as `tls_server_config`; its errors are reported to the document.

    `node` is the section's value; None if the section is absent.
    """

    def __init__(self, document: Document, node: Node | None, keys: tuple[str, ...]) -> None:
        self.document = document
        self.node = node
        self.nodes = document.nodes(mapping_entries(document, node), keys)

    def text(self, key: str) -> str:
        """Return a text; empty if the key is absent or has no value."""
        node = self.nodes.get(key)
        if node is None or is_empty(node):
            return ""
        with self.document.errors:
            return scalar_text(self.document, node, key)
        return ""

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a Boolean; `default` if the key is absent, has no value, or has an invalid one, which is reported."""
        node = self.nodes.get(key)
        if node is None or is_empty(node):
            return default
        with self.document.errors:
            flag = _FLAGS.get(text_of(node).lower()) if is_scalar(node) else None
            if flag is None:
                self.document.fail(node, "this is not a Boolean", "write true or false", key=key)
            return flag
        return default

    def texts(self, key: str) -> list[tuple[Node, str]]:
        """Return the elements of a list, with their nodes; none if the key is absent or has no value."""
        node = self.nodes.get(key)
        if node is None or is_empty(node):
            return []
        texts = []
        with self.document.errors:
            if not is_list(node):
                self.document.fail(node, "this is not a list", "write `- ` before each element", key=key)
            for element in elements_of(node):
                with self.document.errors:
                    texts.append((element, scalar_text(self.document, element, key)))
        return texts

    def report(self, key: str, problem: str, hint: str = "", node: Node | None = None) -> None:
        """Report an error about a key, or about the whole section if the key is absent."""
        with self.document.errors:
            self.document.fail(node or self.nodes.get(key) or self.node, problem, hint, key=key)


def mapping_entries(document: Document, node: Node | None) -> list[tuple[Node, Node]]:
    """Return the keys and values of a mapping; an absent or empty node has none. Report any other node."""
    if node is not None and not is_mapping(node) and not is_empty(node):
        with document.errors:
            document.fail(node, "this is not a mapping", "write one `key: value` on each line, indented")
    return entries_of(node)


def scalar_text(document: Document, node: Node, key: str) -> str:
    """Return a value as it is written, even if it looks like a number; raise a ConfigError for a list or a mapping."""
    if not is_scalar(node):
        document.fail(node, "a list or a mapping is not allowed here", "write a single value", key=key)
    return text_of(node)


def quotable(text: str) -> str:
    """Return a text for messages, cut off before the first part that looks like a hash or a key."""
    found = _SECRET.search(text)
    return f"{text[: found.start()]}…" if found else text
