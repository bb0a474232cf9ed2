"""The annotations of a method as types: names resolved, type variables of base classes filled in."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import inspect
import sys
import typing
from typing import Any

from homeport.contracts.annotations import annotated_copy
from homeport.contracts.places import refuse
from homeport.contracts.served import Served

TypeVars = dict[Any, Any]


def hints_of(served: Served, cls: type) -> dict[str, Any]:
    """Parameter names (and ``return``) to resolved types; what has no annotation is absent.

    Names that exist only under ``TYPE_CHECKING`` are imported now. Raises ``DefinitionError`` for a name that cannot
    be found.
    """
    variables = _type_variables(cls).get(served.owner, {})
    return {name: _substitute(hint, variables) for name, hint in _resolved(served, cls).items()}


def _resolved(served: Served, cls: type) -> dict[str, Any]:
    found: dict[str, Any] = {}
    name = f"{cls.__qualname__}.{served.name}"
    function = annotated_copy(served.function)
    while True:
        try:
            return typing.get_type_hints(function, localns=found or None, include_extras=True)
        except NameError as error:
            if error.name is None or error.name in found:
                raise refuse(name, served.function, f"an annotation cannot be resolved: {error}") from error
            found[error.name] = _look_up(error.name, name, served)
        except Exception as error:
            raise refuse(name, served.function, f"an annotation cannot be resolved: {error}") from error


def _look_up(name: str, method: str, served: Served) -> Any:
    for parameter in getattr(served.owner, "__type_params__", ()):
        if parameter.__name__ == name:
            return parameter
    if name in vars(served.owner):
        return vars(served.owner)[name]
    module = inspect.unwrap(served.function).__module__
    try:
        return imported_for_types(name, module)
    except LookupError:
        why = f"the annotation {name!r} is not defined in module {module}; define or import it at module level"
    except ImportError as error:
        why = (
            f"the annotation {name!r} is imported under TYPE_CHECKING and cannot be imported from {error.name} at run "
            "time; import it outside TYPE_CHECKING or mend that module"
        )
    raise refuse(method, served.function, why)


def imported_for_types(name: str, module: str) -> Any:
    """What ``module`` imports under ``if TYPE_CHECKING:`` as ``name``, imported now.

    Raises:
        LookupError: it imports nothing so called there.
        ImportError: that cannot be imported at run time; ``name`` of the error is the module it comes from.
    """
    origin = _type_checking_imports(module).get(name)
    if origin is None:
        raise LookupError(name)
    source, attribute = origin
    try:
        imported = importlib.import_module(source)
        if attribute:
            return getattr(imported, attribute)
        return sys.modules[name] if source.startswith(f"{name}.") else imported
    except ImportError:
        pass
    except AttributeError:
        try:
            return importlib.import_module(f"{source}.{attribute}")
        except ImportError:
            pass
    raise ImportError(f"cannot import {name!r} from {source}", name=source)


@functools.lru_cache(maxsize=256)
def _type_checking_imports(module_name: str) -> dict[str, tuple[str, str]]:
    """Name → (module, attribute; "" for the module itself), of the imports under ``if TYPE_CHECKING:``."""
    module = sys.modules.get(module_name)
    try:
        tree = ast.parse(inspect.getsource(module)) if module else ast.Module([], [])
    except (OSError, TypeError, SyntaxError):
        return {}
    package = getattr(module, "__package__", None) or ""
    imports: dict[str, tuple[str, str]] = {}
    for block in ast.walk(tree):
        if isinstance(block, ast.If) and _is_type_checking(block.test):
            for statement in (node for line in block.body for node in ast.walk(line)):
                imports.update(_imports(statement, package))
    return imports


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"


def _imports(statement: ast.AST, package: str) -> dict[str, tuple[str, str]]:
    if isinstance(statement, ast.Import):
        return {alias.asname or alias.name.split(".")[0]: (alias.name, "") for alias in statement.names}
    if isinstance(statement, ast.ImportFrom):
        relative = "." * statement.level + (statement.module or "")
        try:
            source = importlib.util.resolve_name(relative, package) if statement.level else relative
        except ImportError:
            return {}
        return {alias.asname or alias.name: (source, alias.name) for alias in statement.names}
    return {}


def _type_variables(cls: type) -> dict[type, TypeVars]:
    """For each generic base of ``cls``, what its type variables stand for there."""
    bound: dict[type, TypeVars] = {}

    def follow(at: type, variables: TypeVars) -> None:
        for base in _original_bases(at):
            origin = typing.get_origin(base) or base
            if not isinstance(origin, type) or origin in (typing.Generic, typing.Protocol, object):
                continue
            parameters = getattr(origin, "__parameters__", ())
            arguments = (_substitute(argument, variables) for argument in typing.get_args(base))
            inner = dict(zip(parameters, arguments, strict=False))
            bound.setdefault(origin, inner)
            follow(origin, inner)

    follow(cls, {})
    return bound


def _original_bases(cls: type) -> tuple[Any, ...]:
    return typing.cast("tuple[Any, ...]", vars(cls).get("__orig_bases__", cls.__bases__))


def _substitute(hint: Any, variables: TypeVars) -> Any:
    if isinstance(hint, typing.TypeVar):
        return variables.get(hint, hint)
    parameters = getattr(hint, "__parameters__", ())
    if not variables or not parameters or isinstance(hint, type):
        return hint
    return hint[tuple(variables.get(parameter, parameter) for parameter in parameters)]
