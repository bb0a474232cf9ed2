"""How syntax trees are walked: quickly, without recursion."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NO_NODES = frozenset({"ctx", "op", "ops", "id", "attr", "arg", "name", "level", "module", "kind"})
_NO_NODES |= {"conversion", "type_comment", "type_ignores", "is_async", "simple", "kwd_attrs", "rest", "asname", "tag"}
_LEAVES = frozenset({ast.Name, ast.Constant, ast.Load, ast.Store, ast.Del, ast.Pass, ast.Break, ast.Continue})
_HAVE_NODES: dict[type[ast.AST], tuple[str, ...]] = {
    ast.arguments: ("posonlyargs", "args", "vararg", "kwonlyargs", "kw_defaults", "kwarg", "defaults")
}


def _node_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    if kind in _LEAVES:
        return ()
    return _HAVE_NODES.get(kind) or tuple(name for name in kind._fields if name not in _NO_NODES)


# Which fields of each kind of node hold nodes. Looking it up is several times as fast as ast.iter_child_nodes.
FIELDS: Mapping[Any, tuple[str, ...]] = MappingProxyType(
    {kind: _node_fields(kind) for kind in vars(ast).values() if isinstance(kind, type) and issubclass(kind, ast.AST)}
)
