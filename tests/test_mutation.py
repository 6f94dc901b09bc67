"""What `make mutants` changes, and by what a mutant is known again. If it changes too little, it is no judge."""

from pathlib import Path

import pytest
from mutation import tables
from mutation.mutants import Edit, Module, Mutant

SOURCE = '''"""A docstring is no truth."""

ROWS: "Mapping[str, int]" = {"a": uint("µ", read=f), "b": 2}


def f(x: "int" = 1) -> "str":
    """Neither is this one."""
    x += 1
    return f"{x} little"
'''


def module_of(tmp_path: Path, source: str) -> Module:
    """Return a module of that source."""
    path = tmp_path / "module.py"
    path.write_text(source, encoding="utf-8")
    return Module(path)


@pytest.fixture
def mutants(tmp_path: Path) -> list[Mutant]:
    """The mutants of SOURCE."""
    module = module_of(tmp_path, SOURCE)
    return list(module.mutants(tables.edits(module)))


def test_each_part_of_a_table_and_each_statement_is_changed(mutants: list[Mutant]) -> None:
    """Also behind a letter of two bytes; and neither a docstring nor an annotation."""
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
def test_byte_order_sign_and_bounds_are_changed_to_what_could_pass(
    tmp_path: Path, before: str, after: set[str]
) -> None:
    """A change that can't even be imported says nothing about a test."""
    module = module_of(tmp_path, f"x = {before}")

    assert {f"x = {words}" for words in after} == {one.identity.after for one in module.mutants(tables.edits(module))}


def test_an_exception_that_is_not_caught_is_a_mutant(tmp_path: Path) -> None:
    """One after the other, where several are caught."""
    module = module_of(tmp_path, "def f():\n    try:\n        g()\n    except (A, b.C):\n        g()\n")

    assert {"except (ZeroDivisionError, b.C):", "except (A, ZeroDivisionError):"} <= {
        mutant.identity.after for mutant in module.mutants(tables.edits(module))
    }


def test_a_mutant_is_known_again_when_lines_have_moved(tmp_path: Path, mutants: list[Mutant]) -> None:
    """Or each comment would make the list of survivors a lie."""
    module = module_of(tmp_path, "# A comment.\n\n" + SOURCE)

    assert [mutant.identity for mutant in mutants] == [one.identity for one in module.mutants(tables.edits(module))]
    assert {"", "f"} == {mutant.identity.place for mutant in mutants}


def test_what_changes_nothing_is_no_mutant_and_none_is_made_twice(tmp_path: Path) -> None:
    """They would survive, or make the score look better than it is."""
    module = module_of(tmp_path, "x = 1")
    edits = [Edit(4, source, "test") for source in ("x = 0x1", "x = 2", "x =  2", "x = )")]

    assert ["x = 2"] == [mutant.identity.after for mutant in module.mutants(edits)]
