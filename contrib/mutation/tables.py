"""The mutants that cosmic-ray does not have: texts, rows, arguments, byte order and sign, exceptions, statements."""

import ast
import re
from collections.abc import Iterator

from mutation.mutants import Edit, Module

_OTHER_NAME = {"uint": "sint", "sint": "uint", "min": "max", "max": "min"}
_OTHER_ORDER = {"little": "big", "big": "little"}
_STRUCT = re.compile("[<>][A-Za-z]+")
_NOTHING = "**{}"  # as a row or as a keyword argument


Replacement = tuple[tuple[int, int], str, str]
"""The span of what is replaced, by what, and what that is called."""


def edits(module: Module) -> Iterator[Edit]:
    """Yield all that can be changed in a module's tables, and the statements of its functions that can be missing."""
    nodes = list(ast.walk(module.tree))
    no_texts = {id(part) for node in nodes for part in _no_texts(node)}
    in_functions = {id(part) for node in nodes if isinstance(node, ast.FunctionDef) for part in ast.walk(node)}
    for node in nodes:
        replacements = list(_rows(module, node))
        if id(node) not in no_texts:
            replacements += _texts(module, node)
        if id(node) in in_functions:
            replacements += _statements(module, node)
        for span, text, operator in replacements:
            yield Edit(span[0], module.replaced(span, text), operator)


def _no_texts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a docstring; and what is in an f-string, which is changed as a whole."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from ast.walk(value)


def _texts(module: Module, node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        for other in _others(node.value):
            yield module.span(node), repr(other), "another text"
    elif isinstance(node, ast.JoinedStr):
        yield module.span(node), ast.unparse(ast.JoinedStr([ast.Constant("XX"), *node.values])), "another text"


def _rows(module: Module, node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.Name) and node.id in _OTHER_NAME:
        yield module.span(node), _OTHER_NAME[node.id], "another function"
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            yield module.span(keyword), _NOTHING, "argument missing"
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                yield (module.span(key)[0], module.span(value)[1]), _NOTHING, "row missing"


def _statements(module: Module, node: ast.AST) -> Iterator[Replacement]:
    if isinstance(node, ast.ExceptHandler) and node.type:
        for kind in node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]:
            yield module.span(kind), "ZeroDivisionError", "another exception"
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        target, amount = ast.unparse(node.target), ast.unparse(node.value)
        yield module.span(node), f"{target} -= {amount}", "another operator"
        yield module.span(node), f"{target} = {amount}", "another operator"
    if isinstance(node, ast.stmt) and (instead := _without(node)):
        yield module.span(node), instead, "statement missing"


def _others(value: str | bytes) -> Iterator[str | bytes]:
    if isinstance(value, bytes):
        yield bytes([value[0] ^ 1]) + value[1:] if value else b"X"
    elif value in _OTHER_ORDER:
        yield _OTHER_ORDER[value]
    elif _STRUCT.fullmatch(value):
        yield value.translate(str.maketrans("<>", "><"))
        yield value.swapcase()
    else:
        yield "XX" + value


def _without(node: ast.stmt) -> str | None:
    """Return what stands there when a statement is missing; None where it can't be, or makes no difference."""
    if isinstance(node, ast.Return):
        return "return None"
    if isinstance(node, ast.Expr):
        # A docstring; and a generator without its yield would be no mutant, but another kind of function.
        return None if isinstance(node.value, ast.Constant | ast.Yield) else "pass"
    return "pass" if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete | ast.Raise) else None
