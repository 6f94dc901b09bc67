"""Operators that cosmic-ray lacks: texts, table rows, arguments, byte order and sign, exceptions, statements."""

import ast
import re
from collections.abc import Iterator
from typing import TypeGuard

from mutation.mutants import Edit, Module

_OTHER_NAME = {"uint": "sint", "sint": "uint", "min": "max", "max": "min"}
_OTHER_BYTE_ORDER = {"little": "big", "big": "little"}
_STRUCT_FORMAT = re.compile("[<>][A-Za-z]+")
_NOTHING = "**{}"  # replaces a row or a keyword argument


def edits(module: Module) -> Iterator[Edit]:
    """Yield every change of a text, a table row, an argument or a name, and of the statements in functions."""
    nodes = list(ast.walk(module.tree))
    not_mutated = {id(part) for node in nodes for part in _docstrings_and_f_string_parts(node)}
    in_functions = {id(part) for node in nodes if isinstance(node, ast.FunctionDef) for part in ast.walk(node)}
    for node in nodes:
        yield from _rows_and_names(module, node)
        if id(node) not in not_mutated:
            yield from _texts(module, node)
        if id(node) in in_functions:
            yield from _statements(module, node)


def _docstrings_and_f_string_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a docstring, and the parts of an f-string, which is mutated as a whole."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from ast.walk(value)


def _texts(module: Module, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        for other in _other_texts(node.value):
            yield "another text", module.replace(node, repr(other))
    elif isinstance(node, ast.JoinedStr):
        yield "another text", module.replace(node, ast.unparse(ast.JoinedStr([ast.Constant("XX"), *node.values])))


def _other_texts(text: str | bytes) -> Iterator[str | bytes]:
    if isinstance(text, bytes):
        yield bytes([text[0] ^ 1]) + text[1:] if text else b"X"
    elif text in _OTHER_BYTE_ORDER:
        yield _OTHER_BYTE_ORDER[text]
    elif _STRUCT_FORMAT.fullmatch(text):
        yield text.translate(str.maketrans("<>", "><"))
        yield text.swapcase()  # signed to unsigned
    else:
        yield "XX" + text


def _rows_and_names(module: Module, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Name) and node.id in _OTHER_NAME:
        yield "another function", module.replace(node, _OTHER_NAME[node.id])
    elif isinstance(node, ast.Call):
        for keyword in node.keywords:
            yield "argument missing", module.replace(keyword, _NOTHING)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                yield "row missing", module.replace(key, _NOTHING, end=value)


def _statements(module: Module, node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.ExceptHandler) and node.type:
        for caught in node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]:
            yield "another exception", module.replace(caught, "ZeroDivisionError")
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        target, amount = ast.unparse(node.target), ast.unparse(node.value)
        yield "another operator", module.replace(node, f"{target} -= {amount}")
        yield "another operator", module.replace(node, f"{target} = {amount}")
    if isinstance(node, ast.Return):
        yield "statement missing", module.replace(node, "return None")
    elif _is_removable(node):
        yield "statement missing", module.replace(node, "pass")


def _is_removable(node: ast.AST) -> TypeGuard[ast.stmt]:
    if isinstance(node, ast.Expr):
        # Removing a docstring changes nothing; removing the yield of a generator makes it an ordinary function.
        return not isinstance(node.value, ast.Constant | ast.Yield)
    return isinstance(node, ast.Assign | ast.AugAssign | ast.Delete | ast.Raise)
