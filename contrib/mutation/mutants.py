"""A module and its mutants."""

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from os.path import commonprefix
from pathlib import Path
from typing import NamedTuple

Edit = tuple[str, str]
"""The name of a mutation operator, and the whole module as that operator changed it."""


class Identity(NamedTuple):
    """
    Identifies a mutant, even after lines have moved.

    Attributes:
        file: File name of the module.
        function: Function that contains the change, "Class.method" for a method; empty at module level.
        before, after: The lines that differ, with each run of white space reduced to one space.
    """

    file: str
    function: str
    before: str
    after: str


class Mutant(NamedTuple):
    """One change of a module: its identity, its line (from 1), its operator, and the whole changed source."""

    identity: Identity
    line: int
    operator: str
    source: str


class Module:
    """
    A module to mutate.

    Args:
        path: Its file.
    """

    def __init__(self, path: Path) -> None:
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)
        self._file = path.name
        self._line_starts = [0, *accumulate(len(line.encode()) for line in self.source.splitlines(keepends=True))]
        self._functions = list(_functions(self.tree))

    def replace(self, node: ast.expr | ast.stmt | ast.keyword, text: str, *, end: ast.expr | None = None) -> str:
        """
        Return the source with other text in place of a node.

        Args:
            node: The node.
            text: The new text.
            end: The last node to replace, if several are replaced.

        Raises:
            ValueError: The node has no position, because it was not parsed.
        """
        last = end or node
        if last.end_lineno is None or last.end_col_offset is None:
            raise ValueError("the node was not parsed")
        source = self.source.encode()  # ast counts columns in bytes
        head = source[: self._line_starts[node.lineno - 1] + node.col_offset]
        tail = source[self._line_starts[last.end_lineno - 1] + last.end_col_offset :]
        return f"{head.decode()}{text}{tail.decode()}"

    def mutants(self, edits: Iterable[Edit]) -> Iterator[Mutant]:
        """
        Yield a mutant for each edit that changes the module's meaning.

        Skips invalid syntax, duplicates, and changes of annotations. Nearly all changed annotations fail at import, and
        would only inflate the score.
        """
        seen = {_meaning(self.source)}
        for operator, source in edits:
            start = len(commonprefix([self.source, source]))  # noqa: RUF071 - texts, not paths
            # The star in `def f(*, x)` is not a multiplication, although cosmic-ray treats it as one.
            if self.source.startswith("*,", start):
                continue
            try:
                meaning = _meaning(source)
            except SyntaxError:
                continue
            if meaning not in seen:
                seen.add(meaning)
                line = self.source.count("\n", 0, start) + 1
                yield Mutant(self._identity(line, source), line, operator, source)

    def _identity(self, line: int, source: str) -> Identity:
        containing = [(node.lineno, name) for name, node in self._functions if _contains(node, line)]
        before, after = self.source.splitlines(), source.splitlines()
        while before and after and before[0] == after[0]:
            del before[0], after[0]
        while before and after and before[-1] == after[-1]:
            del before[-1], after[-1]
        return Identity(self._file, max(containing, default=(0, ""))[1], _one_line(before), _one_line(after))


class _WithoutAnnotations(ast.NodeTransformer):
    """Replaces each annotation, and each definition of a Callable type, with an ellipsis."""

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.FunctionDef) and node.returns:
            node.returns = ast.Constant(...)
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            node.annotation = ast.Constant(...)
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Callable["):
            node.value = ast.Constant(...)
        return self.generic_visit(node)


def _meaning(source: str) -> str:
    return ast.dump(_WithoutAnnotations().visit(ast.parse(source)))


def _functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _contains(node: ast.FunctionDef, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _one_line(lines: list[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(lines)).strip()
