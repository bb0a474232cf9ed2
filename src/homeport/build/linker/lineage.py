"""A class with the bases that it has in the application."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from homeport.build.linker.order import linearize
from homeport.build.linker.symbols import LinkedClass, Outside, Symbol
from homeport.build.scanner.facts import ModuleFacts

TRANSPARENT_BASES = (
    "object",
    "builtins.object",
    "abc.ABC",
    "typing.Generic",
    "typing.Protocol",
    "typing_extensions.Protocol",
)
_GENERIC = ("typing.Generic", "typing_extensions.Generic")  # Python takes it out where another base is generic
_OBJECT = ("", "object")

_Key = tuple[str, str]


class Lineage(msgspec.Struct, frozen=True):
    """A class and its bases within the application, in the order in which Python looks through them."""

    classes: tuple[LinkedClass, ...]
    foreign: bool  # some base is not of the application: what it has is unknown until import
    impossible: LinkedClass | None = None  # the class among them whose own bases cannot be put in order


class Resolve(Protocol):
    def __call__(self, module: ModuleFacts, name: str, at: int | None = None, inside: str = "", /) -> Symbol | None: ...


class _Ordered(NamedTuple):
    keys: tuple[_Key, ...]
    impossible: _Key | None


class Lineages:
    """The lineages of classes, each found once."""

    def __init__(self, resolve: Resolve, with_body: Callable[[LinkedClass], LinkedClass]) -> None:
        self._resolve, self._with_body = resolve, with_body
        self._classes: dict[_Key, LinkedClass] = {}
        self._bases: dict[_Key, list[_Key]] = {}
        self._orders: dict[_Key, _Ordered] = {}
        self._foreign: set[_Key] = set()
        self._circular: set[_Key] = set()  # classes that derive from themselves

    def of(self, linked: LinkedClass) -> Lineage:
        order = self._order(self._enter(linked))
        own = [self._with_body(self._classes[key]) for key in order.keys if key in self._classes]
        foreign = any(key in self._foreign for key in order.keys)
        return Lineage(tuple(own), foreign, self._classes[order.impossible] if order.impossible is not None else None)

    def _enter(self, linked: LinkedClass) -> _Key:
        self._classes.setdefault(linked.key, linked)
        return linked.key

    def _order(self, key: _Key) -> _Ordered:
        pending, open_ = [key], set[_Key]()
        while pending:  # no recursion: a class may have more ancestors than Python's stack is deep
            current = pending[-1]
            if current in self._orders:
                pending.pop()
                continue
            waiting = [base for base in self._bases_of(current) if base not in self._orders and base not in open_]
            if waiting and current not in open_:
                open_.add(current)
                pending.extend(waiting)
                continue
            self._orders[current] = self._linearize(current)
            open_.discard(current)
            pending.pop()
        return self._orders[key]

    def _linearize(self, key: _Key) -> _Ordered:
        bases = self._bases_of(key)
        known = [self._orders.get(base) for base in bases]
        if None in known:
            self._circular |= self._circle(key)
        # Such a class does not import either. All of a circle are alike, so that it is the same whichever comes first.
        if key in self._circular:
            self._foreign.add(key)
            return _Ordered((key, _OBJECT), None)
        orders = [order for order in known if order is not None]
        found = linearize(key, bases, [order.keys for order in orders])
        impossible = next((order.impossible for order in orders if order.impossible is not None), None)
        if found is not None:
            return _Ordered(tuple(found), impossible)
        # Something must be said of the class all the same: depth first, of several the last.
        every = [base for order in orders for base in order.keys]
        return _Ordered((key, *reversed(dict.fromkeys(reversed(every)))), impossible or key)

    def _circle(self, key: _Key) -> set[_Key]:
        """The classes that derive from this one and that it derives from."""
        derived: dict[_Key, list[_Key]] = {}
        pending, seen = [key], {key}
        while pending:
            current = pending.pop()
            for base in self._bases_of(current):
                derived.setdefault(base, []).append(current)
                if base not in seen:
                    seen.add(base)
                    pending.append(base)
        circle, pending = {key}, [key]
        while pending:
            found = [one for one in derived.get(pending.pop(), ()) if one not in circle]
            circle.update(found)
            pending.extend(found)
        return circle

    def _bases_of(self, key: _Key) -> list[_Key]:
        if key not in self._bases:
            linked = self._classes.get(key)
            bases = self._resolved(linked) if linked is not None else []
            self._bases[key] = bases or ([_OBJECT] if key != _OBJECT else [])
        return self._bases[key]

    def _resolved(self, linked: LinkedClass) -> list[_Key]:
        found: list[_Key] = []
        outer = linked.cls.qualname.rpartition(".")[0]
        for position, base in enumerate(linked.cls.bases):
            symbol = self._resolve(linked.module, base, linked.cls.line - 1, outer) if base else None
            if isinstance(symbol, LinkedClass):
                found.append(self._enter(symbol))
                continue
            name = symbol.name if isinstance(symbol, Outside) else base
            if name in _GENERIC:
                continue
            key = _OBJECT if name in ("object", "builtins.object") else ("", name or f"{linked.key}#{position}")
            if name not in TRANSPARENT_BASES:
                self._foreign.add(key)
            found.append(key)
        return found
