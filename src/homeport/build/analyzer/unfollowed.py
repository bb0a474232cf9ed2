"""Says where a class may become a service in a way that the source does not show."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.diagnostics.finding import Finding
from homeport.build.linker.names import Linker
from homeport.build.linker.symbols import (
    LinkedCall,
    LinkedClass,
    LinkedConstant,
    LinkedFunction,
    LinkedModule,
    Outside,
    Symbol,
    Unfollowed,
    full_name,
)
from homeport.build.scanner.bindings import OwnFunction
from homeport.build.scanner.classes import ClassFacts
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.facts import ModuleFacts
from homeport.errors import near_names

_MAKING = ("__init_subclass__", "__new__", "__init__", "__call__")
_BY_HAND = "mark the class with @service where it stands"


def unfollowed(linker: Linker, module: ModuleFacts) -> Iterator[Finding]:
    """What in this module may make services that the scan misses."""
    for cls in module.classes.values():
        if cls.marks and cls.qualname not in module.typing_only and not linker.markers.of(LinkedClass(module, cls)):
            yield from _decorators(linker, module, cls)
        if cls.makes_classes:
            yield from _makes_services(linker, LinkedClass(module, cls))
        if cls.qualname in module.branched and linker.markers.of(LinkedClass(module, cls)):
            yield from _branched(linker, module, cls)
    for cls in module.local_classes:
        if cls.marks and linker.markers.of(LinkedClass(module, cls)):
            function = cls.qualname.partition(".")[0]
            message = f"class {cls.name} is marked with @service inside {function}(), where no worker can import it"
            yield _finding(module, cls.marks[0], "HP114", message, "move it to the top level of the module", "warning")
    for mark, named, target in linker.markers.applied(module):
        if not isinstance(target, LinkedClass):
            what = named or "the result of a call"
            message = f"{mark.name}() is applied to {what}, and the scan can read only class statements"
            yield _finding(
                module, mark, "HP204", message, "write the class as a statement and mark it there", "warning"
            )
        elif target.module.path != module.path:
            message = (
                f"{mark.name}() is applied to {named} here, but workers import that class from {target.module.path}, "
                "where nothing marks it"
            )
            yield _finding(module, mark, "HP204", message, _BY_HAND, "error")


def _makes_services(linker: Linker, linked: LinkedClass) -> Iterator[Finding]:
    """Bases and metaclasses that mark what derives from them."""
    (whole, *_) = linker.lineage(linked).classes
    for function in whole.cls.body.functions:
        called = [place.name for place in function.body.called] if function.name in _MAKING else []
        marker = next((name for name in called if linker.markers.marks(whole.module, name)), "")
        if marker:
            cls = linked.cls
            at = Mark(name=cls.name, line=cls.line, column=cls.column)
            message = (
                f"class {cls.qualname} calls {marker}() in {function.name}, so that others may become services unseen"
            )
            yield _finding(
                linked.module, at, "HP204", message, "mark each of those classes with @service itself", "warning"
            )


def _branched(linker: Linker, module: ModuleFacts, cls: ClassFacts) -> Iterator[Finding]:
    if cls.qualname.partition(".")[0] in module.fallbacks:
        return  # each branch has it
    mark = linker.markers.of(LinkedClass(module, cls))[0].mark
    message = f"service class {cls.qualname} stands in a branch, and workers cannot start it where that is not taken"
    hint = "define it always, and have it run where it is wanted: replicas=0, and `replicas` under [services.<name>]"
    yield _finding(module, mark, "HP117", message, hint, "warning")


def unknown_markers(linker: Linker) -> Iterator[Finding]:
    """The names among the settings that stand for nothing."""
    for name in linker.markers.unknown_names():
        module, _, last = name.rpartition(".")
        facts = linker.find(module)
        near = near_names(last, facts.names) if facts is not None else []
        yield Finding(
            severity="warning",
            path="[build]",
            line=0,
            column=0,
            code="HP804",
            message=f"markers names {name!r}, which the application does not have",
            hint=f"did you mean {' or '.join(near)}?" if near else "write module and name, as in shop.deco.our_service",
        )


def _decorators(linker: Linker, module: ModuleFacts, cls: ClassFacts) -> Iterator[Finding]:
    outer = cls.qualname.rpartition(".")[0]
    for mark in cls.marks:
        symbol = linker.markers.follow(module, mark, outer) if mark.name else None
        suggests = "service" in mark.name.rpartition(".")[2].lower()
        why = _marks_unseen(linker, symbol) or (_why_unfollowed(symbol) if suggests else "")
        if why:
            known = full_name(symbol) if symbol is not None else ""
            yield _finding(
                module,
                mark,
                "HP204",
                f"@{mark.name} may make class {cls.qualname} a service: {why}",
                _way_out(known),
                "note" if isinstance(symbol, Outside) else "warning",
            )


def _marks_unseen(linker: Linker, symbol: Symbol | None) -> str:
    """How a decorator that is not followed calls one that marks; empty when it does not."""
    if isinstance(symbol, LinkedFunction):
        module = linker.whole(symbol.module)
        function = module.names.get(symbol.name)
        wrapper = function.wrapper if isinstance(function, OwnFunction) else None
        names = wrapper.names if wrapper is not None else ()
        why = f"{symbol.name}() does too much to be followed, and calls"
    elif isinstance(symbol, LinkedClass):
        (linked, *_) = linker.lineage(symbol).classes
        module = linked.module
        names = tuple(place.name for function in linked.cls.body.functions for place in function.body.called)
        why = f"{symbol.cls.name} is a class, and only functions are followed; it calls"
    else:
        return ""
    marker = next((name for name in names if linker.markers.marks(module, name)), "")
    return f"{why} {marker}()" if marker else ""


def _why_unfollowed(symbol: Symbol | None) -> str:
    """Why it cannot be told whether a decorator marks; empty when it surely does not."""
    match symbol:
        case None:
            return "nothing in this file says what the decorator is"
        case Outside(name):
            return "" if name.startswith("homeport.") else f"{name} is not part of this application"
        case LinkedCall():
            return f"{symbol.name} is what {symbol.call.name}() returned"
        case Unfollowed(name):
            return f"{name} is an attribute of a value, which is not followed"
        case LinkedClass():
            return f"{symbol.cls.name} is a class, and only functions are followed"
        case LinkedFunction() | LinkedModule() | LinkedConstant():
            return ""


def _way_out(known: str) -> str:
    setting = f'markers = ["{known}"]' if known else "`markers`"
    return f"if it does, mark the class with @service itself, or write {setting} under [build] in homeport.toml"


def _finding(module: ModuleFacts, mark: Mark, code: str, message: str, hint: str, severity: str) -> Finding:
    return Finding(
        severity=severity,
        path=module.path,
        line=mark.line,
        column=mark.column,
        end_line=mark.end_line,
        end_column=mark.end_column,
        code=code,
        message=message,
        hint=hint,
    )
