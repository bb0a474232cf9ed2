"""What changed between two contracts of a service, and whether callers of the old one notice."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from homeport.contracts.api import Contract, MethodContract, Parameter, Schema
from homeport.contracts.fingerprint import bare, reachable
from homeport.contracts.reading import Reading, shown


class ContractChange(msgspec.Struct, frozen=True, kw_only=True):
    """One difference, for people."""

    method: str  # "" for the service as a whole
    breaking: bool  # a caller of the old contract may fail against the new one
    what: str
    fix: str = ""  # what to do about it, if breaking


def compare(old: Contract, new: Contract) -> list[ContractChange]:
    """All differences that matter, in order of method name, breaking ones first within each.

    A request may widen, a response may narrow or gain fields. Docs, defaults and policy are not looked at.
    """
    changes: list[ContractChange] = []
    if old.asgi and not new.asgi:
        changes.append(_breaking("", f"{old.service} no longer answers HTTP", "keep its `asgi` attribute"))
    before, after = {m.name: m for m in old.methods}, {m.name: m for m in new.methods}
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            fix = f"keep {name}, or remove it once `homeport ps` shows no caller of the old version"
            changes.append(_breaking(name, f"{name} was removed", fix))
        elif name not in before:
            changes.append(_harmless(name, f"{name} was added"))
        else:
            found = list(_Comparison(old, new).method(before[name], after[name]))
            changes.extend(sorted(found, key=lambda change: not change.breaking))
    return changes


class _Comparison:
    def __init__(self, old: Contract, new: Contract) -> None:
        self._old, self._new = old, new
        self._requests = Reading(reader=new.definitions, writer=old.definitions)
        self._responses = Reading(reader=old.definitions, writer=new.definitions)

    def method(self, old: MethodContract, new: MethodContract) -> Iterator[ContractChange]:
        if old.streams != new.streams:
            what = f"{old.name} now {'streams' if new.streams else 'returns one result'}"
            yield _breaking(old.name, what, "give the new form a method of its own")
            return
        yield from self._parameters(old, new)
        yield from self._result(old, new)
        yield from self._errors(old, new)

    def _parameters(self, old: MethodContract, new: MethodContract) -> Iterator[ContractChange]:
        name = old.name
        before, after = {p.name: p for p in old.parameters}, {p.name: p for p in new.parameters}
        for gone in sorted(before.keys() - after.keys()):
            yield _breaking(name, f"{name} no longer takes {gone!r}", f"keep {gone!r} and ignore it for a version")
        for added in sorted(after.keys() - before.keys()):
            if after[added].required:
                yield _breaking(name, f"{name} requires a new argument {added!r}", f"give {added!r} a default")
            else:
                yield _harmless(name, f"{name} takes a new argument {added!r}")
        for kept in sorted(before.keys() & after.keys()):
            yield from self._parameter(name, before[kept], after[kept])
        yield from _order(old, new)

    def _parameter(self, method: str, old: Parameter, new: Parameter) -> Iterator[ContractChange]:
        if new.required and not old.required:
            what = f"{method} now requires {new.name!r}"
            yield _breaking(method, what, f"give {new.name!r} a default again")
        elif old.required and not new.required:
            yield _harmless(method, f"{method} no longer requires {new.name!r}")
        obstacles = self._requests.obstacles(new.schema, old.schema, f"$.{new.name}")
        for obstacle in obstacles:
            fix = f"let {new.name!r} take what it took, {shown(old.schema)}, as well"
            yield _breaking(method, f"{method} refuses what it took: {obstacle}", fix)
        if not obstacles and (change := self._change(old.schema, new.schema)):
            yield _harmless(method, f"{method} takes {change} for {new.name!r}, which fits what old callers send")

    def _result(self, old: MethodContract, new: MethodContract) -> Iterator[ContractChange]:
        name, of = old.name, "item" if new.streams else "result"
        obstacles = self._responses.obstacles(old.result, new.result)
        for obstacle in obstacles:
            yield _breaking(
                name,
                f"the {of} of {name} no longer fits its old callers: {obstacle}",
                f"keep it {shown(old.result)}, or give the new form a method of its own",
            )
        if not obstacles and (change := self._change(old.result, new.result)):
            yield _harmless(name, f"the {of} of {name} is {change}, which fits what old callers expect")

    def _change(self, old: Schema, new: Schema) -> str:
        """What became of a schema, in a few words; empty if nothing did."""
        before, after = reachable([old], self._old.definitions), reachable([new], self._new.definitions)
        if bare(old) == bare(new) and bare({"$defs": before}) == bare({"$defs": after}):
            return ""
        return f"a changed {shown(new)}" if shown(old) == shown(new) else f"{shown(new)} instead of {shown(old)}"

    def _errors(self, old: MethodContract, new: MethodContract) -> Iterator[ContractChange]:
        name = old.name
        before, after = {e.code: e for e in old.raises}, {e.code: e for e in new.raises}
        for added in sorted(after.keys() - before.keys()):
            yield _harmless(name, f"{name} may raise {added!r}, which old callers get as a plain ServiceError")
        for gone in sorted(before.keys() - after.keys()):
            yield _harmless(name, f"{name} no longer raises {gone!r}")
        for kept in sorted(before.keys() & after.keys()):
            if before[kept].status != after[kept].status:
                what = f"{kept!r} of {name} has HTTP status {after[kept].status}, not {before[kept].status}"
                yield _breaking(name, what, f"keep status={before[kept].status}")
            for obstacle in self._responses.obstacles(before[kept].schema, after[kept].schema):
                what = f"the fields of {kept!r} of {name} no longer fit its old callers: {obstacle}"
                yield _breaking(name, what, "keep its fields, or raise a new class")


def _order(old: MethodContract, new: MethodContract) -> Iterator[ContractChange]:
    """Callers by position notice when what they know stands elsewhere."""
    before = [p.name for p in old.parameters if not p.keyword_only]
    after = [p.name for p in new.parameters if not p.keyword_only]
    known = {p.name for p in new.parameters}
    kept = [name for name in before if name in known]
    if kept == before and after[: len(before)] != before:
        what = f"{old.name} takes ({', '.join(after)}) by position, not ({', '.join(before)})"
        yield _breaking(old.name, what, "keep the old order, and add new parameters at the end")


def _breaking(method: str, what: str, fix: str) -> ContractChange:
    return ContractChange(method=method, breaking=True, what=what, fix=fix)


def _harmless(method: str, what: str) -> ContractChange:
    return ContractChange(method=method, breaking=False, what=what)
