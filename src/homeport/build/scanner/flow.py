"""The statements at the top level of a module, with what is known of when they run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import NamedTuple

from homeport.build.scanner.statements import has_blocks

_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Match)


class Placed(NamedTuple):
    """A statement, and where it stands among the branches around it."""

    statement: ast.stmt
    conditional: bool = False  # may not run, or more than once
    alternative_to: int = 0  # it stands in an `else` or `except` of the statement at this line
    typing_only: bool = False  # only type checkers read it
    branched: bool = False  # what is known when the application starts decides whether it runs


def module_statements(body: list[ast.stmt]) -> Iterator[Placed]:
    """In order, with those inside ``if``, ``try``, ``with``, loops and ``match``.

    Left out is what an import never runs: ``if __name__ == "__main__"``, and branches for other versions of Python.
    """
    pending = [Placed(statement) for statement in reversed(body)]  # no recursion: `elif` chains nest deeply
    while pending:
        placed = pending.pop()
        statement = placed.statement
        yield placed
        if has_blocks(statement):
            pending.extend(reversed([*_inside(placed)]))


def _inside(placed: Placed) -> Iterator[Placed]:
    statement = placed.statement
    first = placed._replace(conditional=placed.conditional or not isinstance(statement, ast.With | ast.AsyncWith))
    first = first._replace(branched=placed.branched or isinstance(statement, _BRANCHES))
    other = first._replace(alternative_to=placed.alternative_to or statement.lineno, branched=True)
    if isinstance(statement, ast.If):
        yield from _branches(statement, placed, first, other)
        return
    for inner in getattr(statement, "body", ()):
        yield first._replace(statement=inner)
    for branch in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
        for inner in branch.body:
            yield other._replace(statement=inner)
    # The `else` of a `try` goes on from its body; that of a loop runs after it.
    for inner in (*getattr(statement, "orelse", ()), *getattr(statement, "finalbody", ())):
        yield first._replace(statement=inner)


def _branches(statement: ast.If, placed: Placed, first: Placed, other: Placed) -> Iterator[Placed]:
    truth = _truth(statement.test)
    if _is_type_checking(statement.test):
        first = first._replace(typing_only=True)
        other = other._replace(branched=placed.branched)
    elif truth is not None:
        first = other = placed  # one branch runs, the other never does
    if truth is not False:
        yield from (first._replace(statement=inner) for inner in statement.body)
    if truth is not True:
        yield from (other._replace(statement=inner) for inner in statement.orelse)


def _truth(test: ast.expr) -> bool | None:
    """What the test of an ``if`` always comes to when the module is imported; None when that is not known."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = False if _is_type_checking(operand) else _truth(operand)
            return None if inner is None else not inner
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return False
        case ast.Compare(left=ast.Attribute(value=ast.Name(id="sys"), attr="version_info"), ops=[operator]):
            return _compares(operator, test.comparators[0])
        case ast.Compare(left=ast.Attribute() as asked, ops=[operator], comparators=[ast.Constant(value=value)]):
            elsewhere = (ast.unparse(asked), value) in (("sys.platform", "win32"), ("os.name", "nt"))
            return isinstance(operator, ast.NotEq) if elsewhere and isinstance(operator, ast.Eq | ast.NotEq) else None
    return None


def _compares(operator: ast.cmpop, version: ast.expr) -> bool | None:
    try:
        wanted = ast.literal_eval(version)
    except (ValueError, TypeError):
        return None
    # Beyond the minor version the answer is another for each machine.
    if not isinstance(wanted, tuple) or len(wanted) > 2 or not all(isinstance(part, int) for part in wanted):
        return None
    match operator:
        case ast.GtE():
            return sys.version_info >= wanted
        case ast.Lt():
            return sys.version_info < wanted
    return None


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
