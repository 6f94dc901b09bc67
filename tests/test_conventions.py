"""Conventions of the tests that no linter checks."""

import ast

from tests.data import HERE


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _reversed_assertions(source: str) -> list[int]:
    """Return the line numbers of the assertions that have their literal on the right."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assert)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.ops[0], ast.Eq)
        and len(node.test.ops) == 1
        and _is_literal(node.test.comparators[0])
        and not _is_literal(node.test.left)
    ]


def test_the_expected_value_stands_first() -> None:
    """With the same order everywhere, the left side in a failure report is always the expected value."""
    found = {path: _reversed_assertions(path.read_text(encoding="utf-8")) for path in HERE.rglob("*.py")}

    assert {} == {str(path.relative_to(HERE)): lines for path, lines in found.items() if lines}
