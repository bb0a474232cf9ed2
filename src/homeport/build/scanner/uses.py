"""How a call in a function body is read, once it is known which attribute of ``self`` it goes through."""

from __future__ import annotations

import ast

import msgspec

from homeport.build.scanner.calls import Use, is_open, place_of, read_arguments
from homeport.build.scanner.expressions import dotted
from homeport.build.scanner.outcomes import Outcomes


def read_use(
    attribute: str,
    owner: ast.expr,
    call: ast.Call,
    outcomes: Outcomes | None = None,
    method: str = "",
    *,
    certain: bool = True,
) -> Use:
    """What a call says; without ``outcomes``, nothing of its arguments and results.

    ``owner`` is where it begins; ``method`` is needed where the source has a local name for that.
    """
    place = place_of(call.func)
    use = Use(
        attribute=attribute,
        method=method or call.func.attr,  # type: ignore[attr-defined]  # without an alias it is an attribute
        line=owner.lineno,
        column=owner.col_offset + 1,
        end_line=place.end_line,
        end_column=place.end_column,
        certain=certain,
    )
    if outcomes is None:
        return use
    taken, results = outcomes.of_call(call)
    open_positional, open_named = is_open(call)
    return msgspec.structs.replace(
        use,
        arguments=read_arguments(call),
        open_positional=open_positional,
        open_named=open_named,
        taken=taken,
        results=results,
    )


def read_mention(attribute: str, node: ast.Attribute) -> Use:
    """``self.x.method`` where it is not called: others may call it, with arguments of their own."""
    place = place_of(node)
    return Use(
        attribute=attribute,
        method=node.attr,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        open_positional=True,
        open_named=True,
        called=False,
    )


def called_name(func: ast.expr) -> str:
    """``a.b`` for such a function, ``a.b().c`` for a method of what a call made, and so on."""
    methods: list[str] = []
    while type(func) is ast.Attribute and type(func.value) is ast.Call:
        methods.append(func.attr)
        func = func.value.func
    name = dotted(func)
    return "().".join([name, *reversed(methods)]) if name else ""
