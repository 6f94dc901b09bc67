"""A YAML file as a tree: its nodes and their positions, the values, and messages without bindkeys."""

import traceback
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.yaml_document import (
    Document,
    Node,
    Scalar,
    column_of,
    elements_of,
    entries_of,
    is_bare_number,
    is_empty,
    is_flow,
    is_mapping,
    is_scalar,
    line_of,
    show_value,
    span_of,
    text_of,
)
from ble_exporter.errors import ConfigError

KEY = "00112233445566778899aabbccddeeff"
DOCUMENT = Document("x.yaml")
KEYS = ("listen_port", "devices")


def document() -> Document:
    """Return a document without errors, in which two keys are known."""
    return Document("x.yaml", known=KEYS)


def entries(text: str) -> list[tuple[Node, Node]]:
    """Return the top-level keys and values of a valid text."""
    found = document()
    tree = found.entries(found.text(text.encode()))
    found.errors.raise_all()
    return tree


def value(text: str) -> Node:
    """Return the node of a value."""
    ((_, node),) = entries(f"key: {text}")
    return node


def nodes(text: str) -> Mapping[str, Node]:
    """Return the nodes of a text in which only two keys are allowed."""
    found = document()
    by_key = found.nodes(entries(text), KEYS)
    found.errors.raise_all()
    return by_key


def test_a_node_knows_its_line_and_column() -> None:
    """An error names the line, and the editor writes new lines in the column of the old ones."""
    found = [(line_of(key), column_of(node)) for key, node in entries("\n# a comment\na: 1\n\nbb:   2\n")]

    assert [(3, 3), (5, 6)] == found


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    """Notepad writes a byte order mark, which would make the first key unknown."""
    ((key, _),) = DOCUMENT.entries(DOCUMENT.text(b"\xef\xbb\xbfdevices: 1"))

    assert ("devices", (0, 7)) == (text_of(key), span_of(key))


def test_both_of_two_equal_keys_are_kept() -> None:
    """PyYAML's own loader silently keeps only the last one, so the user's other line would have no effect."""
    assert ["1", "2"] == [text_of(node) for _, node in entries("a: 1\na: 2\n")]


def test_a_key_that_is_set_twice_is_refused_with_both_lines() -> None:
    """A user who changes one line must learn that another line sets the same key."""
    with pytest.raises(ConfigError) as caught:
        nodes("listen_port: 1\ndevices: {}\nlisten_port: 2\n")

    assert "x.yaml:3: listen_port: is already set on line 1; remove one of the two" == str(caught.value)


@pytest.mark.parametrize(
    ("key", "hint"),
    [("listen_prot", "did you mean listen_port?"), ("x", "the known keys are listen_port, devices")],
)
def test_an_unknown_key_is_refused_with_the_known_ones(key: str, hint: str) -> None:
    """A key that is silently ignored is worse than one that is refused."""
    with pytest.raises(ConfigError) as caught:
        nodes(f"{key}: 1")

    assert f"x.yaml:1: {key}: unknown key; {hint}" == str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", 30),
        ("-2.5e1", -25.0),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("no", "no"),
        ("010", 10.0),
        ("12:34:56:12:34:56", "12:34:56:12:34:56"),
        ("1_000", "1_000"),
        ("'30'", "30"),
        ('"true"', "true"),
        ("9" * 18, 1e18),
    ],
)
def test_a_value_is_read_as_yaml_1_2_reads_it(text: str, expected: Scalar) -> None:
    """In YAML 1.1, a room called `no` would be False, and an address without letters would be a number in base 60."""
    found = DOCUMENT.scalar(value(text))

    assert (type(expected), expected) == (type(found), found)


@pytest.mark.parametrize("text", ["[1]", "{a: 1}"])
def test_a_list_or_a_mapping_is_no_single_value(text: str) -> None:
    """The user must learn which line and key to change."""
    with pytest.raises(ConfigError) as caught:
        DOCUMENT.scalar(value(text), "listen_port")

    assert "x.yaml:1: listen_port: a list or a mapping is not allowed here; write a single value" == str(caught.value)


def test_a_tag_that_does_not_fit_is_refused() -> None:
    """int() would raise an error without the file and the line."""
    with pytest.raises(ConfigError, match=r"^x\.yaml:1: abc is not a number; write one$"):
        DOCUMENT.scalar(value("!!int abc"))


@pytest.mark.parametrize(
    ("text", "is_number"),
    [("12:34:56:12:34:56", True), ("010", True), ("1_000", True), ("no", True), ("attic", False), ("'010'", False)],
)
def test_a_value_that_other_parsers_read_as_no_text_is_recognised(text: str, is_number: bool) -> None:
    """Other parsers read an unquoted address such as 12:34:56:12:34:56 as a number, so the user must quote it."""
    assert is_number == is_bare_number(value(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", (False, True, False, False)),
        ("", (False, True, True, False)),
        ("~", (False, True, True, False)),
        ("{}", (True, False, True, True)),
        ("{a: 1}", (True, False, False, True)),
        ("\n  a: 1", (True, False, False, False)),
        ("[]", (False, False, False, True)),
        ("\n- a", (False, False, False, False)),
    ],
)
def test_the_kind_of_a_node_is_recognised(text: str, expected: tuple[bool, bool, bool, bool]) -> None:
    """The editor adds devices differently to a block mapping, an empty value, and a mapping in braces."""
    node = value(text)

    assert expected == (is_mapping(node), is_scalar(node), is_empty(node), is_flow(node))


def test_a_list_has_elements_and_anything_else_is_one() -> None:
    """`adapter: hci0` and `adapter: [hci0, hci1]` are both allowed."""
    assert ["a", "b"] == [text_of(node) for node in elements_of(value("[a, b]"))]
    assert ["a"] == [text_of(node) for node in elements_of(value("a"))]


def test_what_is_no_mapping_has_no_entries() -> None:
    """The caller reports the missing value with its key, so these functions must not raise an error of their own."""
    assert [] == entries("- a\n") == entries("") == entries_of(None)


def test_the_span_of_a_mapping_ends_with_its_last_value() -> None:
    """PyYAML's span includes the comments after the mapping, and a new device would be added below them."""
    text = 'devices:\n  "a": {name: x}\n  "b": y  # mine\n\n# the end\n'
    ((_, node),) = entries(text)
    start, end = span_of(node)

    assert '"a": {name: x}\n  "b": y' == text[start:end]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: 1\r\nb: \xff", "x.yaml:2: b: not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\r\rb: \x07", "x.yaml:3: b: the character U+0007 is not allowed; remove it"),
        (b"a: 1\nb: \xc2\x85", "x.yaml:2: b: the character U+0085 is not allowed; remove it"),
    ],
)
def test_characters_that_are_not_allowed_are_reported(data: bytes, message: str) -> None:
    """The user needs the line number that a text editor shows, and all other errors of the file in the same run."""
    found = document()

    assert 2 == len(found.entries(found.text(data)))
    with pytest.raises(ConfigError) as caught:
        found.errors.raise_all()
    assert message == str(caught.value)


def test_reading_goes_on_after_a_syntax_error() -> None:
    """The user wants to see all errors at once, so reading continues without the faulty line."""
    found = document()

    assert ["devices", "x"] == [text_of(key) for key, _ in found.entries("devices: 1\nlisten_port: @\nx: 2\n")]
    with pytest.raises(ConfigError, match=r"x\.yaml:2: listen_port: a value must not begin with @"):
        found.errors.raise_all()


def test_after_many_syntax_errors_reading_ends() -> None:
    """Each error costs another pass over the text, and nobody corrects more than 20 errors at once."""
    found = document()

    assert [] == found.entries("x: @\n" * 30)
    with pytest.raises(ConfigError) as caught:
        found.errors.raise_all()
    assert 21 == len(caught.value.parts)


@pytest.mark.parametrize("secret", [KEY, KEY.upper(), KEY[:8], " ".join(KEY[at : at + 2] for at in range(0, 32, 2))])
def test_no_message_shows_a_bindkey(secret: str) -> None:
    """Users paste messages into bug reports, so neither the problem, nor the hint, nor the key may show a bindkey."""
    with pytest.raises(ConfigError) as caught:
        DOCUMENT.fail(value("x"), f"{secret} is wrong", f"not {secret}", key=secret)

    assert "x.yaml:1: …: … is wrong; not …" == str(caught.value)


def test_the_traceback_of_a_syntax_error_shows_no_bindkey() -> None:
    """PyYAML's error quotes the line, which may contain a bindkey."""
    with pytest.raises(ConfigError, match="the value contains a colon") as caught:
        entries(f"bindkey: {KEY}: x")

    assert KEY not in "".join(traceback.format_exception(caught.value))


@given(
    st.binary(max_size=100).filter(lambda data: b"\0" not in data[:2] and data[:2] not in (b"\xff\xfe", b"\xfe\xff"))
)
def test_any_bytes_are_a_tree_or_errors(data: bytes) -> None:
    """A damaged file must not cause a traceback."""
    found = document()
    try:
        lines = [line_of(key) for key, _ in found.entries(found.text(data))]
        found.errors.raise_all()
    except ConfigError as error:
        lines = [part.line or 1 for part in error.parts]

    assert all(1 <= line <= 1 + len(data) for line in lines)


@pytest.mark.parametrize(
    ("written", "text"),
    [("", "an empty value"), ("a", '"a"'), ("TRUE", "true"), ("2.50", "2.50"), ("08000", "08000"), ("1e400", "1e400")],
)
def test_a_value_is_shown_as_it_was_written(written: str, text: str) -> None:
    """The user must recognise the value: neither Python's "True" nor "8000.0" nor "inf" is in the file."""
    ((_, node),) = entries(f"listen_port: {written}")

    assert text == show_value(node, DOCUMENT.scalar(node))
