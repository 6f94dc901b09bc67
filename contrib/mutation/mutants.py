"""What a mutant is, and by what it is known again."""

import ast
import re
from bisect import bisect
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple


class Edit(NamedTuple):
    """
    One change of a module.

    Attributes:
        start: Where it begins, in bytes of the original.
        source: The whole module, changed.
        operator: What made it.
    """

    start: int
    source: str
    operator: str


class Identity(NamedTuple):
    """
    By what a mutant is known again when lines have moved.

    Attributes:
        file: The module's name in formats/.
        place: The function it is in, "Class.function" in a class; empty outside.
        before, after: The lines that differ, their spaces and line ends as one space each.
    """

    file: str
    place: str
    before: str
    after: str


class Mutant(NamedTuple):
    """A mutant: what it is known by, its line, its module's source, and the operator that made it."""

    identity: Identity
    line: int
    source: str
    operator: str


class Module:
    """
    A module to mutate, and what is where in it.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.source = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.source)
        self._lines = self.source.splitlines(keepends=True)
        self._starts = [0, *accumulate(len(line.encode()) for line in self._lines)]
        annotations = (expression for node in ast.walk(self.tree) for expression in _annotations(node))
        self._annotations = [self.span(expression) for expression in annotations]
        self._functions = [
            (name, node.lineno, node.end_lineno or node.lineno) for name, node in _functions(self.tree, "")
        ]

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        """Return where a node begins and ends, in bytes."""
        if node.end_lineno is None or node.end_col_offset is None:
            raise ValueError("the node was not parsed")
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def start_of(self, line: int, column: int) -> int:
        """Return the byte of a line (from 1) and a column (characters, from 0)."""
        return self._starts[line - 1] + len(self._lines[line - 1][:column].encode())

    def text_at(self, start: int, length: int) -> str:
        """Return what stands at a byte, of a length in bytes."""
        return self.source.encode()[start : start + length].decode(errors="replace")

    def replaced(self, span: tuple[int, int], text: str) -> str:
        """Return the source with other text at a span."""
        source = self.source.encode()
        return (source[: span[0]] + text.encode() + source[span[1] :]).decode()

    def mutants(self, edits: Iterable[Edit]) -> Iterator[Mutant]:
        """
        Yield a mutant for each edit that makes one.

        None is made in an annotation: nearly all of those can't be imported, so they would only make the score look
        better than it is. None is made twice.
        """
        seen = {ast.dump(self.tree)}
        for edit in edits:
            if any(start <= edit.start < end for start, end in self._annotations):
                continue
            try:
                meaning = ast.dump(ast.parse(edit.source))
            except SyntaxError:
                continue
            if meaning not in seen:
                seen.add(meaning)
                yield self._mutant(edit)

    def _mutant(self, edit: Edit) -> Mutant:
        line = bisect(self._starts, edit.start)
        inside = [(start, name) for name, start, end in self._functions if start <= line <= end]
        place = max(inside, default=(0, ""))[1]
        before, after = self.source.splitlines(), edit.source.splitlines()
        while before and after and before[0] == after[0]:
            del before[0], after[0]
        while before and after and before[-1] == after[-1]:
            del before[-1], after[-1]
        return Mutant(Identity(self.name, place, _words(before), _words(after)), line, edit.source, edit.operator)


def _words(lines: list[str]) -> str:
    return re.sub(r"\s+", " ", " ".join(lines)).strip()


def _annotations(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.FunctionDef) and node.returns:
        yield node.returns
    elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
        yield node.annotation
    # Name = Callable[…]: the name of a type.
    elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Callable["):
        yield node.value


def _functions(tree: ast.AST, inside: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield inside + node.name, node
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from _functions(node, f"{inside}{node.name}.")
