"""The mutants of cosmic-ray: operators, comparisons, numbers, conditions, loops, decorators."""

from collections.abc import Iterator

from cosmic_ray.ast import Visitor, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.tree import NodeOrLeaf

from mutation.mutants import Edit, Module

# Two need to be told which variables; the last fails on `except struct.error`, so tables.py has it.
_LEFT_OUT = {"VariableReplacer", "VariableInserter", "ExceptionReplacer"}


class _Positions(Visitor):  # type: ignore[misc] # not installed where mypy runs
    """
    Where an operator can change something, in the order in which cosmic-ray counts.

    Attributes:
        found: Line (from 1) and column (characters, from 0) of each.
    """

    def __init__(self, operator: Operator) -> None:
        self.found: list[tuple[int, int]] = []
        self._operator = operator

    def visit(self, node: NodeOrLeaf) -> NodeOrLeaf:
        """Note the positions of a node; it stays as it is."""
        self.found += [start for start, _ in self._operator.mutation_positions(node)]
        return node


def edits(module: Module) -> Iterator[Edit]:
    """Yield all that cosmic-ray can change in a module."""
    for name in operator_names():
        short = name.partition("/")[2]
        if short in _LEFT_OUT:
            continue
        operator = get_operator(name)()
        positions = _Positions(operator)
        positions.walk(get_ast(module.source))
        for occurrence, (line, column) in enumerate(positions.found):
            start = module.start_of(line, column)
            if module.text_at(start, 2) == "*,":
                continue  # in a signature: no operator, though it is taken for one
            source = mutate_code(module.source, operator, occurrence)
            if source is not None:
                yield Edit(start, source, short)
