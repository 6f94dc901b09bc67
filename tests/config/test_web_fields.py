"""Reading the values of a section of a web configuration."""

import pytest

from ble_exporter.config.web_fields import Section, quotable
from ble_exporter.config.yaml_document import Document, entries_of

KEYS = ("one", "two")


def section(text: str) -> Section:
    """Return the section that follows `section:` in a file."""
    document = Document("FILE")
    nodes = document.nodes(entries_of(document.root(text)), ("section",))
    return Section(document, nodes.get("section"), KEYS)


def errors(one: Section) -> str:
    """Return the errors that were reported."""
    with pytest.raises(ValueError, match="FILE") as raised:
        one.document.errors.raise_all()
    return str(raised.value)


@pytest.mark.parametrize("text", ["", "section:\n", "section:\n  one:\n", "section:\n  two: x\n"])
def test_an_absent_value_is_the_default(text: str) -> None:
    """A key without a value means the same as no key, as in exporter-toolkit."""
    read = section(text)

    assert ("", True, []) == (read.text("one"), read.flag("one", default=True), read.texts("one"))


@pytest.mark.parametrize(
    ("written", "flag"), [("true", True), ("Yes", True), ("on", True), ("no", False), ("OFF", False)]
)
def test_booleans_of_yaml_1_1_are_accepted(written: str, flag: bool) -> None:
    """The file may come from another exporter, for which these values work."""
    assert flag == section(f"section:\n  one: {written}\n").flag("one", default=not flag)


@pytest.mark.parametrize("written", ["1", "maybe", "[true]"])
def test_another_value_is_not_a_boolean(written: str) -> None:
    """A user who writes `http2: 1` must learn that 1 is not a Boolean."""
    read = section(f"section:\n  one: {written}\n")
    read.flag("one", default=True)

    assert "FILE:2: one: this is not a Boolean; write true or false" == errors(read)


def test_a_number_is_text_where_text_is_expected() -> None:
    """The name of a file may look like a number."""
    assert "2026" == section("section:\n  one: 2026\n").text("one")


def test_each_element_of_a_list_is_checked() -> None:
    """A mistake in one element must not hide the others."""
    read = section("section:\n  one: [a, [b], c]\n")

    assert ["a", "c"] == [text for _, text in read.texts("one")]
    assert "FILE:2: one: a list or a mapping is not allowed here; write a single value" == errors(read)


def test_an_error_of_an_absent_key_is_shown_at_its_section() -> None:
    """An absent key has no line; that of the section shows where the key belongs."""
    read = section("section:\n  two: x\n")
    read.report("one", "missing")

    assert "FILE:2: one: missing" == errors(read)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("TLS11", "TLS11"),
        ("RequireAndVerifyClientCrt", "RequireAndVerifyClientCrt"),
        ("TLS_RSA_WITH_AES_256_CBC_SHA256", "TLS_RSA_WITH_AES_256_CBC_SHA256"),
        ("TLS12 MIGHAgEAMBMGByqGSM49 AgEGCCqGSM49", "TLS12 …"),
        ("$2y$10$qRTBuFoULoYNA7AQ", "…"),
        ("-----BEGIN PRIVATE KEY----- x", "-----BEGIN …"),
    ],
)
def test_a_message_quotes_no_secret(text: str, quoted: str) -> None:
    """The user must recognise a wrong value, but it may include wrongly indented lines below it, perhaps a key."""
    assert quoted == quotable(text)
