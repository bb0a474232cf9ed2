"""Follows one name from module to module, through imports, aliases, re-exports and stars."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

from homeport.build.linker.imports import Finder
from homeport.build.linker.questions import Questions
from homeport.build.linker.symbols import (
    PUBLIC_NAMES,
    LinkedCall,
    LinkedClass,
    LinkedConstant,
    LinkedFunction,
    LinkedModule,
    Outside,
    Symbol,
    Unfollowed,
    full_name,
    outside,
)
from homeport.build.scanner.bindings import (
    Alias,
    Binding,
    Constant,
    Defined,
    Imported,
    Made,
    OwnClass,
    OwnFunction,
    Star,
)
from homeport.build.scanner.facts import ModuleFacts

_LONGEST_EXPORTS = 20  # modules whose `__all__` are parts of each other


class _Question(NamedTuple):
    """What ``name`` means at the top level of ``module``: at a line, or in the end."""

    module: ModuleFacts
    name: str
    at: int | None

    @property
    def key(self) -> _Key:
        return (self.module.path or self.module.module, self.name, self.at)


_Key = tuple[str, str, int | None]
_Steps = Generator[_Question, Symbol | None, Symbol | None]


class Resolver:
    """Answers what names mean, each question once."""

    def __init__(self, find: Finder) -> None:
        self._find = find
        self._questions: Questions[_Question, Symbol] = Questions(lambda question: _member(find, question))
        self._resolved: dict[_Key, Symbol | None] = {}

    def resolve(self, module: ModuleFacts, name: str, at: int | None = None) -> Symbol | None:
        """What a dotted name means at the top level of ``module``, as of line ``at``; None when it cannot be told."""
        key = (module.path or module.module, name, at)
        try:
            return self._resolved[key]
        except KeyError:
            found = self._resolved[key] = self._resolve(module, name, at)
            return found

    def _resolve(self, module: ModuleFacts, name: str, at: int | None) -> Symbol | None:
        first, dot, rest = name.partition(".")
        if not module.stars and first not in module.earlier and first not in module.fallbacks:
            # Most names are imported from elsewhere, or not known: these need no search.
            binding = module.names.get(first)
            if binding is None:
                return None
            if isinstance(binding, Imported) and self._find(binding.module) is None:
                found = f"{binding.module}.{binding.name}" if binding.name else binding.module
                return outside(f"{found}{dot}{rest}")
        if not dot:
            return self._questions.answer(_question(module, name, at))
        return self._questions.drive(_dotted(self._find, module, name, at))

    def attribute(self, symbol: Symbol, name: str) -> Symbol | None:
        """What a dotted name means as an attribute of something."""
        return self._questions.drive(_attributes(self._find, symbol, name.split(".")))


def _question(module: ModuleFacts, name: str, at: int | None) -> _Question:
    """Without the line, when it makes no difference."""
    if at is not None and name not in module.earlier and all(star.line <= at for star in module.stars):
        at = None
    return _Question(module, name, at)


def _dotted(find: Finder, module: ModuleFacts, name: str, at: int | None) -> _Steps:
    first, *rest = name.split(".")
    symbol = yield _question(module, first, at)
    return (yield from _attributes(find, symbol, rest)) if symbol is not None else None


def _attributes(find: Finder, symbol: Symbol, names: list[str]) -> _Steps:
    found: Symbol | None = symbol
    for name in names:
        match found:
            case Outside():
                found = outside(f"{found.name}.{name}")
            case LinkedModule(module):
                found = (yield _Question(module, name, None)) or _submodule(find, module, name)
            case LinkedClass(module, cls):
                inner = module.classes.get(f"{cls.qualname}.{name}")
                found = LinkedClass(module, inner) if inner is not None else Unfollowed(f"{full_name(found)}.{name}")
            case LinkedCall() | LinkedFunction() | Unfollowed():
                found = Unfollowed(f"{full_name(found)}.{name}")
            case _:
                return None
    return found


def _member(find: Finder, question: _Question) -> _Steps:
    module, name, at = question
    binding = _binding(module, name, at)
    for star in reversed(module.stars):
        hidden = binding is not None and star.line < binding.line
        if not hidden and (at is None or star.line <= at):
            found = yield from _through_star(find, star, name)
            if found is not None:
                return found
    found = (yield from _follow(find, module, name, binding)) if binding is not None else None
    if found is None or (isinstance(found, Outside) and not found.name.startswith("homeport.")):
        # Of `try: from fast import X`, `except ImportError: from slow import X`, take what is here to be read.
        for fallback in module.fallbacks.get(name, ()):
            other = yield from _follow(find, module, name, fallback)
            if other is not None and not isinstance(other, LinkedConstant):
                return other
    return found


def _binding(module: ModuleFacts, name: str, at: int | None) -> Binding | None:
    final = module.names.get(name)
    history = module.earlier.get(name, ())
    if final is None or at is None or final.line <= at or not history:
        return final
    return next((binding for binding in reversed(history) if binding.line <= at), history[0])


def _through_star(find: Finder, star: Star, name: str) -> _Steps:
    target = find(star.module)
    if target is None:
        return Outside(f"homeport.{name}") if star.module == "homeport" and name in PUBLIC_NAMES else None
    if not (yield from _exports(find, target, name, 0)):
        return None
    found = yield _Question(target, name, None)
    if found is None and (target.exports.defined or f"{target.module}.{name}" in target.imports):
        return _submodule(find, target, name)
    return found


def _exports(find: Finder, module: ModuleFacts, name: str, depth: int) -> Generator[_Question, Symbol | None, bool]:
    """Whether ``from module import *`` takes this name, if the module has it."""
    exports = module.exports
    if not exports.defined:
        return not name.startswith("_")
    if exports.unknown or name in exports.names:
        return True
    for part in exports.modules if depth < _LONGEST_EXPORTS else ():
        symbol = yield from _dotted(find, module, part, None)
        if isinstance(symbol, LinkedModule) and (yield from _exports(find, symbol.module, name, depth + 1)):
            return True
        if symbol == Outside("homeport") and name in PUBLIC_NAMES:
            return True
    return False


def _follow(find: Finder, module: ModuleFacts, name: str, binding: Binding) -> _Steps:
    match binding:
        case OwnClass():
            cls = module.classes.get(binding.qualname)
            return LinkedClass(module, cls) if cls is not None else None
        case Alias():
            return (yield from _alias(find, module, name, binding))
        case Imported():
            return (yield from _imported(find, binding))
        case OwnFunction():
            return LinkedFunction(module, name, binding)
        case Made():
            before = (yield from _dotted(find, module, name, binding.line - 1)) if _is_made_of(binding, name) else None
            if isinstance(before, LinkedClass):  # `Cart = service(Cart)` decorates it
                return before
            return LinkedCall(module, name, binding.call) if binding.call.name else None
        case Constant():
            return LinkedConstant(binding.value)
        case Defined():
            return None


def _is_made_of(made: Made, name: str) -> bool:
    """Whether it is what a name stood for before, given to something."""
    return made.call.named.get("0") == name and len(made.call.positional) == 1 and not made.call.options


def _alias(find: Finder, module: ModuleFacts, name: str, alias: Alias) -> _Steps:
    itself = alias.target.partition(".")[0] == name  # then what it was before is meant
    found = yield from _dotted(find, module, alias.target, alias.line - itself)
    if alias.optional and isinstance(found, LinkedClass):
        return LinkedClass(found.module, found.cls, optional=True)
    return found


def _imported(find: Finder, binding: Imported) -> _Steps:
    target = find(binding.module)
    if target is None:
        return outside(f"{binding.module}.{binding.name}" if binding.name else binding.module)
    if not binding.name:
        return LinkedModule(target)
    return (yield _Question(target, binding.name, None)) or _submodule(find, target, binding.name)


def _submodule(find: Finder, package: ModuleFacts, name: str) -> Symbol | None:
    found = find.submodule(package, name)
    return LinkedModule(found) if found is not None else None
