"""What a function does with the parameters that it is given: ``def charge(cart): cart.payments.process()``."""

from __future__ import annotations

import ast


def called_on_parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, tuple[str, ...]]:
    """For each parameter the attributes of which methods are called, by position ("0") and by name.

    A parameter that is given another value in the function is left out.
    """
    arguments = node.args
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    names = {*positional, *(argument.arg for argument in arguments.kwonlyargs)}
    found: dict[str, list[str]] = {}
    changed: set[str] = set()
    for inner in ast.walk(node):
        match inner:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=name), attr=attribute))):
                if name in names:
                    found.setdefault(name, []).append(attribute)
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                changed.add(name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute, ctx=ast.Store()) if name in names:
                changed.add(f"{name}.{attribute}")
    kept = {
        name: tuple(dict.fromkeys(one for one in attributes if f"{name}.{one}" not in changed))
        for name, attributes in found.items()
        if name not in changed
    }
    by_position = {str(number): kept[name] for number, name in enumerate(positional) if name in kept}
    return {**by_position, **kept}
