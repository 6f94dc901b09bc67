"""Composing YAML: its limits, unsupported parts, and characters that JSON escapes."""

import pytest

from ble_exporter.config.yaml_loader import MAX_ENTRIES, Fault, SyntaxFault, compose


def faults(text: str) -> list[Fault]:
    """Return the unsupported parts of a text."""
    return compose(text)[1]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" * 30, "nested more than 20 levels deep"),
        ("a: [" + "x, " * (MAX_ENTRIES + 1) + "]", "more than 10,000 entries"),
        ("\n".join(f"{number}:" for number in range(MAX_ENTRIES + 1)), "more than 10,000 entries"),
        ("".join(f"a{number}: [{'x, ' * 1000}]\n" for number in range(121)), "more than 120,000 keys and values"),
    ],
    ids=["depth", "list", "mapping", "nodes"],
)
def test_a_text_beyond_a_limit_is_refused(text: str, problem: str) -> None:
    """Reading a text far beyond a limit would take too long, or exceed Python's recursion limit."""
    with pytest.raises(SyntaxFault, match=problem) as caught:
        compose(text)

    assert caught.value.hint


def test_an_alias_costs_no_more_than_its_characters() -> None:
    """Ten lines of aliases can stand for a billion values."""
    lines = ["- &a0 [x, x]", *(f"- &a{number} [{f'*a{number - 1}, ' * 9}]" for number in range(1, 12))]

    assert [] == faults("\n".join(lines))


def test_an_alias_is_where_it_is_used() -> None:
    """An error about an alias must name the line that the user has to change."""
    root, _ = compose("- &a x\n-\n- *a\n")

    assert root is not None
    assert [0, 1, 2] == [node.start_mark.line for node in root.value]


@pytest.mark.parametrize(
    "text", ["!secret x", "!secret x: 1", "[!secret x]", "{a: !secret x}", "!secret [x]", "!secret {a: b}", "!secret"]
)
def test_an_unknown_tag_is_found_anywhere(text: str) -> None:
    """Users of Home Assistant write `!secret`; without the error, the name of a secret would be used as its value."""
    assert ["the tag !secret is not supported"] == [fault.problem for fault in faults(text)]


@pytest.mark.parametrize("tag", ["!!python/name:os.system", "!!binary", "!!set", "!!omap", "!!timestamp", "!!map"])
def test_a_standard_tag_without_a_use_is_not_supported(tag: str) -> None:
    """A configuration has only texts, numbers, Booleans, lists and mappings."""
    assert [f"the tag {tag} is not supported"] == [fault.problem for fault in faults(f"{tag} x")]


@pytest.mark.parametrize("text", ["!!str 7", "!!int 7", "!!map {}", "!!seq []", "! 7", "&a x"])
def test_a_tag_of_a_supported_kind_is_allowed(text: str) -> None:
    """A tag of a supported kind is only another way to write a value that the configuration may have."""
    assert [] == faults(text)


def test_two_escapes_are_one_character() -> None:
    """JSON writes a character beyond U+FFFF as a pair of escapes, and YAML 1.2 reads JSON."""
    root, found = compose(r'"\ud83c\udf21"')

    assert root is not None
    assert ("🌡", []) == (root.value, found)


def test_half_a_pair_is_a_fault() -> None:
    """Half a pair is not a character, and can't be written to a terminal or a log."""
    assert ["one of the two \\u escapes of a character is missing"] == [fault.problem for fault in faults(r'"\ud83c"')]


@pytest.mark.parametrize("text", ['"\\UFFFFFFFF"', f"%YAML 1.{'9' * 5000}\n--- x"], ids=["character", "version"])
def test_a_number_that_python_refuses_is_a_fault(text: str) -> None:
    """PyYAML does not catch Python's own error, which the user would see as a traceback."""
    with pytest.raises(SyntaxFault, match="too large"):
        compose(text)


@pytest.mark.parametrize("text", ["“x”", "‘x’", "„x“", "«x»", '“x"', "“x", "´x´"])
def test_quotation_marks_of_word_processors_are_faults(text: str) -> None:
    """The marks would become part of the name, and so of the labels in Prometheus."""
    root, found = compose(text)

    assert root is not None
    assert ("x", 'write straight ones: "x"') == (root.value, found[0].hint)


@pytest.mark.parametrize("text", ["'“x”'", "Tom’s", "a “b”", "“a” b “c” d", "5´"])
def test_quotation_marks_inside_a_text_are_allowed(text: str) -> None:
    """Marks inside a text belong to it, and the user may want them in a name."""
    assert [] == faults(text)
