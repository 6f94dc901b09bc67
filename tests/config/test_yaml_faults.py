"""The explanation of invalid YAML; the files in tests/configs/bad have the messages."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble_exporter.config.yaml_faults import explain, find_faults, lines_of, place_of
from ble_exporter.config.yaml_loader import Fault, SyntaxFault, compose

KNOWN = ("listen_port", "devices", "name", "bindkey")
ADDRESS = "A4:C1:38:00:00:01"


def mended(text: str) -> str:
    """Return a text after mending the faults that can be found line by line."""
    return "\n".join(find_faults(lines_of(text), KNOWN)[1])


def explained(text: str) -> tuple[Fault, str]:
    """Return the explanation of a text's first syntax error, and the text without the faulty lines."""
    with pytest.raises(SyntaxFault) as caught:
        compose(text)
    fault, lines = explain(caught.value, lines_of(text))
    return fault, "\n".join(lines)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("listen_port:8000", "listen_port: 8000"),
        ("listen_port:\t8000", "listen_port:  8000"),
        ("listen_port=8000", "listen_port: 8000"),
        ("listen_port 8000 # x", "listen_port: 8000 # x"),
        (f'\t"{ADDRESS}":"x"', f'  "{ADDRESS}": "x"'),
        (f"\u200b{ADDRESS}:x", f"  {ADDRESS}: x"),
        (f'  "{ADDRESS}: x', f'  "{ADDRESS}": x'),
        (f'"{ADDRESS}": x', f'  "{ADDRESS}": x'),
        ("devices: {a: {name:x,bindkey:1}}", "devices: {a: {name: x,bindkey:1}}"),
        ("“name”: “x”", '"name": "x"'),
    ],
)
def test_a_line_is_mended(line: str, expected: str) -> None:
    """After a fault is mended, the rest of the file can be checked, so that the user sees all errors at once."""
    assert expected == mended(line)


@pytest.mark.parametrize(
    "text",
    [
        "# listen_port:8000",
        "listen_port: 8000  # a\ttab, a “quote”, listen_port:1",
        "listen_port : 8000",
        'name: "a\tb “c” name:x"',
        f'{{\n"listen_port":8000,\n"devices":{{\n"{ADDRESS}":"x"}}}}',
        "names: x",
        "name: it's listen_port",
    ],
)
def test_a_line_without_a_fault_stays(text: str) -> None:
    """A wrong explanation would cost the user more time than none."""
    assert ([], lines_of(text)) == find_faults(lines_of(text), KNOWN)


@pytest.mark.parametrize(
    ("lines", "column", "place"),
    [
        (["devices:", f'  "{ADDRESS}":', "    name: x"], 11, (ADDRESS, "name")),
        (["devices:", f'  "{ADDRESS}": x'], 24, (ADDRESS, "")),
        ([f'devices: {{"{ADDRESS}": {{name: x, bindkey: y}}}}'], 52, (ADDRESS, "bindkey")),
        (["listen_port: x"], 14, ("", "listen_port")),
        (["other: x"], 8, ("", "other")),
        (["devices:", "  - x"], 5, ("", "devices")),
        (["devices:", "---"], 1, ("", "")),
    ],
)
def test_a_fault_belongs_to_a_device_and_a_key(lines: list[str], column: int, place: tuple[str, str]) -> None:
    """The user needs the device and the key, although invalid YAML has no tree of nodes in which to find them."""
    assert place == place_of(lines, Fault(len(lines), column, "", ""), KNOWN)


def test_an_open_quotation_mark_is_found_where_it_is() -> None:
    """PyYAML reports the fault at the next quotation mark, or at the end of the file, far from the place to correct."""
    fault, rest = explained('a: "x\nb: "y"\n')

    assert (1, "the closing quotation mark is missing") == (fault.line, fault.problem)
    assert 'a: "x"\nb: "y"\n' == rest


def test_a_key_that_is_not_closed_is_left_out() -> None:
    """If the quotation mark were added, the line would be a key without a value, and cause a second error."""
    fault, rest = explained('a: 1\n"abc\n')

    assert (2, "the closing quotation mark is missing") == (fault.line, fault.problem)
    assert "a: 1\n\n" == rest


@pytest.mark.parametrize(("text", "bracket"), [("a: {b: [1], c: 2\n", "}"), ("a: [1, {b: 2}\n", "]")])
def test_the_bracket_that_is_missing_is_named(text: str, bracket: str) -> None:
    """The user should not have to count the brackets."""
    assert f"the closing {bracket} is missing" == explained(text)[0].problem


def test_the_lines_below_a_faulty_line_are_left_out_with_it() -> None:
    """Without the faulty line above, these lines would cause errors that the user could not understand."""
    fault, rest = explained("a: x: y\n  b: 1\n  c: 2\nd: 3\n")

    assert 1 == fault.line
    assert "\n\n\nd: 3\n" == rest


def test_nothing_is_read_beyond_a_limit() -> None:
    """Reading on after a limit would cost the time that the limit saves."""
    fault, rest = explained("[" * 30)

    assert ("nested more than 20 levels deep", "") == (fault.problem, rest)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E) | st.just("\n"), max_size=100))
def test_any_syntax_error_is_explained(text: str) -> None:
    """For any mistake, the user needs a line of the file, the problem and a hint."""
    lines = lines_of(text)
    faults: list[Fault] = []
    try:
        compose("\n".join(lines))
    except SyntaxFault as syntax_fault:
        faults.append(explain(syntax_fault, lines)[0])

    assert all(1 <= fault.line <= len(lines) and fault.problem and fault.hint for fault in faults)


@pytest.mark.parametrize("line", ['"\\' * 900, "'" * 1999, "“" * 1999, "a:" * 999, "# " * 999, "{name:" * 300])
def test_a_long_line_takes_no_longer_than_short_ones(line: str) -> None:
    """A careless regular expression takes time that grows with the square of the length, and would delay the start."""
    started = time.process_time()
    find_faults([line] * 20, KNOWN)

    assert 5 > time.process_time() - started
