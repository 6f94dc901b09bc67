"""cosmic-ray's operators: arithmetic, comparisons, numbers, conditions, loops, decorators."""

from collections.abc import Iterator
from itertools import count

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from mutation.mutants import Edit, Module

# The first two need names of variables as arguments. The third fails on `except struct.error`; tables.py replaces it.
_SKIPPED = {"core/VariableReplacer", "core/VariableInserter", "core/ExceptionReplacer"}


def edits(module: Module) -> Iterator[Edit]:
    """Yield the changes of a module by cosmic-ray's operators, except the skipped ones."""
    for name in operator_names():
        if name in _SKIPPED:
            continue
        operator = get_operator(name)()
        for occurrence in count():
            source = mutate_code(module.source, operator, occurrence)
            if source is None:
                break
            yield name.removeprefix("core/"), source
