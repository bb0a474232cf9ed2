"""Which names a module gives to ``from module import *``: its ``__all__``."""

from __future__ import annotations

import ast

import msgspec

from homeport.build.scanner.expressions import dotted


class Exports(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What ``__all__`` says, as far as it is written out."""

    defined: bool = False  # False: all names without a leading underscore
    names: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()  # modules whose `__all__` is part of it, as named in this one
    unknown: bool = False  # some of it is computed


class ExportsReader:
    """Collects the ``Exports`` of a module, statement by statement."""

    def __init__(self) -> None:
        self._defined = self._unknown = False
        self._names: list[str] = []
        self._modules: list[str] = []

    @property
    def exports(self) -> Exports:
        return Exports(
            defined=self._defined, names=tuple(self._names), modules=tuple(self._modules), unknown=self._unknown
        )

    def read(self, statement: ast.stmt) -> None:
        """Take in a statement of the module, if it is about ``__all__``."""
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                self._replace(value)
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value):
                self._replace(value)
            case ast.AugAssign(target=ast.Name(id="__all__"), op=ast.Add(), value=value):
                self._add(value)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__"), attr=method), args=[value])):
                self._change(method, value)

    def _replace(self, value: ast.expr) -> None:
        self._names, self._modules, self._unknown, self._defined = [], [], False, True
        self._add(value)

    def _change(self, method: str, value: ast.expr) -> None:
        name = value.value if isinstance(value, ast.Constant) else None
        if method == "extend":
            self._add(value)
        elif method == "append" and isinstance(name, str):
            self._names.append(name)
        elif method == "remove" and name in self._names:
            self._names.remove(str(name))
        else:
            self._unknown = True

    def _add(self, value: ast.expr) -> None:
        pending = [value]
        while pending:
            match pending.pop():
                case ast.List(elts=items) | ast.Tuple(elts=items):
                    pending.extend(items)
                case ast.Starred(value=inner):
                    pending.append(inner)
                case ast.BinOp(left=left, op=ast.Add(), right=right):
                    pending += (left, right)
                case ast.Constant(value=str(name)):
                    self._names.append(name)
                case ast.Attribute(value=module, attr="__all__") if dotted(module):
                    self._modules.append(dotted(module))
                case _:
                    self._unknown = True
