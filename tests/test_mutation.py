"""`make mutants`: its changes, the identity of a mutant, and the tests that it runs."""

from pathlib import Path

import pytest
from mutation import tables
from mutation.mutants import Module, Mutant
from mutation.runner import FORMATS, rounds

SOURCE = '''"""A docstring is no truth."""

ROWS: "Mapping[str, int]" = {"a": uint("µ", read=f), "b": 2}


def f(x: "int" = 1) -> "str":
    """Neither is this one."""
    x += 1
    return f"{x} little"
'''


def module_of(tmp_path: Path, source: str) -> Module:
    """Return a module with this source."""
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    return Module(path)


@pytest.fixture
def mutants(tmp_path: Path) -> list[Mutant]:
    """The mutants of SOURCE."""
    module = module_of(tmp_path, SOURCE)
    return list(module.mutants(tables.edits(module)))


def changes_of(tmp_path: Path, source: str) -> set[str]:
    """Return the changed lines of a module's mutants."""
    module = module_of(tmp_path, source)
    return {mutant.identity.after for mutant in module.mutants(tables.edits(module))}


def test_every_part_of_a_table_and_every_statement_is_changed(mutants: list[Mutant]) -> None:
    """Only a mutant shows whether a part is tested. Docstrings and annotations need none: they have no effect."""
    row = 'ROWS: "Mapping[str, int]" = '

    assert {
        row + '{**{}, "b": 2}',
        row + '{"a": uint("µ", read=f), **{}}',
        row + """{'XXa': uint("µ", read=f), "b": 2}""",
        row + """{"a": uint("µ", read=f), 'XXb': 2}""",
        row + """{"a": uint('XXµ', read=f), "b": 2}""",
        row + '{"a": uint("µ", **{}), "b": 2}',
        row + '{"a": sint("µ", read=f), "b": 2}',
        "x -= 1",
        "x = 1",
        "pass",
        "return None",
        "return f'XX{x} little'",
    } == {mutant.identity.after for mutant in mutants}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"little"', {"'big'"}),
        ('Struct("<h")', {"Struct('>h')", "Struct('<H')"}),
        (r'b"\xd2\xfc"', {r"b'\xd3\xfc'"}),
        ("min(a, b)", {"max(a, b)"}),
    ],
)
def test_byte_order_sign_and_bounds_change_to_valid_values(tmp_path: Path, before: str, after: set[str]) -> None:
    """A mutant that fails at import proves nothing about the tests."""
    assert {f"x = {text}" for text in after} == changes_of(tmp_path, f"x = {before}")


def test_each_caught_exception_is_replaced(tmp_path: Path) -> None:
    """A handler that no test reaches must be reported, even if it catches several exceptions."""
    changes = changes_of(tmp_path, "def f():\n    try:\n        g()\n    except (A, b.C):\n        g()\n")

    assert {"except (ZeroDivisionError, b.C):", "except (A, ZeroDivisionError):"} <= changes


def test_a_mutant_keeps_its_identity_when_lines_move(tmp_path: Path, mutants: list[Mutant]) -> None:
    """If the identity depended on line numbers, each new comment would invalidate the list of survivors."""
    module = module_of(tmp_path, "# A comment.\n\n" + SOURCE)
    moved = list(module.mutants(tables.edits(module)))

    assert [mutant.identity for mutant in mutants] == [mutant.identity for mutant in moved]
    assert {2} == {after.line - before.line for before, after in zip(mutants, moved, strict=True)}


def test_a_mutant_names_the_function_it_changes(mutants: list[Mutant]) -> None:
    """If two functions contain the same line, the report must tell which of the two mutants survived."""
    assert {"x -= 1": "f", "x = 1": "f", "pass": "f", "return None": "f"}.items() <= {
        mutant.identity.after: mutant.identity.function for mutant in mutants
    }.items()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 0x1"),
        ("x = 1", "x = )"),
        ("def f(x: int) -> int: ...", "def f(x: int) -> str: ..."),
        ("Decode = Callable[[int], int]", "Decode = Callable[[int], str]"),
        ("def f(x, *, y): ...", "def f(x, /, y): ..."),
    ],
)
def test_a_change_without_meaning_is_no_mutant(tmp_path: Path, before: str, after: str) -> None:
    """Equivalent code would always survive, and invalid code always fail: neither says anything about the tests."""
    assert [] == list(module_of(tmp_path, before).mutants([("test", after)]))


def test_no_mutant_is_made_twice(tmp_path: Path) -> None:
    """Duplicates would distort the score."""
    mutants = module_of(tmp_path, "x = 1").mutants([("one", "x = 2"), ("two", "x =  2")])

    assert ["one"] == [mutant.operator for mutant in mutants]


@pytest.mark.parametrize("module", sorted(path.name for path in FORMATS.glob("*.py")))
def test_every_test_file_that_a_round_names_exists(module: str) -> None:
    """Pytest fails if a file is missing, and `make mutants` runs too rarely to notice a renamed file soon."""
    paths = [Path(argument) for arguments in rounds(module) for argument in arguments if argument.endswith(".py")]

    assert Path("tests/formats/test_vectors.py") in paths
    assert [] == [path for path in paths if not path.is_file()]
