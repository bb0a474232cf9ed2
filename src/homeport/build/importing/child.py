"""Imports an application's services, as a worker would, and tells about each what only importing can show."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from homeport.authoring.service import hearing, is_service, options_of
from homeport.build.importing.api import (
    Begun,
    Finished,
    Imported,
    ImportRequest,
    MarkedClass,
    Message,
    NotImported,
    ReflectedService,
)
from homeport.build.importing.costs import ImportCosts
from homeport.build.plan import PlannedService
from homeport.build.presence import without_present
from homeport.contracts.signature import app_contract, signature_of
from homeport.errors import HomeportError

# A bare worker has them, so that no service pays for them.
_OF_EVERY_WORKER = ("asyncio", "logging", "uvloop", "homeport", "homeport.rpc.caller", "homeport.health.stalls")
_SLOWEST = 5


def main(request: str, descriptor: int) -> int:
    """Answer the request in this file through this open descriptor."""
    os.set_inheritable(descriptor, False)  # what user code starts must not keep it open
    asked = msgspec.msgpack.decode(Path(request).read_bytes(), type=ImportRequest)
    # What the comparison needs, too, comes before the application: that may have modules named as Python's own.
    for module in (*_OF_EVERY_WORKER, *(("homeport.build.live.planned",) if asked.compare else ())):
        try:
            importlib.import_module(module)
        except ImportError:
            pass
    encode = msgspec.msgpack.Encoder().encode

    def tell(message: Message) -> None:
        body = encode(message)
        framed = len(body).to_bytes(4, "little") + body
        while framed:
            framed = framed[os.write(descriptor, framed) :]

    importing = _Importing(asked, tell)
    with hearing(importing.hear):
        importing.run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads and exit handlers of user code are nobody's concern here


class _Importing:
    def __init__(self, request: ImportRequest, tell: Callable[[Message], None]) -> None:
        self._request, self._tell = request, tell
        self._root = request.plan.root
        self._marked: list[type] = []
        self._costs = ImportCosts()

    def hear(self, cls: type) -> None:
        self._marked.append(cls)

    def run(self) -> None:
        sys.path.insert(0, self._root)
        self._costs.watch()
        for service in self._request.plan.services:
            if service.name not in self._request.skip:
                self._tell(Begun(service.name))
                self._tell(Imported(self._reflected(service)))
        for module in self._request.modules:
            if module not in self._request.skip:
                self._tell(Begun(module))
                if fault := _import(module)[0]:
                    self._tell(NotImported(module, fault))
        marked = [place for cls in self._marked if (place := _place(cls, self._root)) is not None]
        self._tell(Finished(tuple(sorted(marked, key=lambda one: (one.path, one.line, one.qualname)))))

    def _reflected(self, service: PlannedService) -> ReflectedService:
        location = service.location
        fault, line = _import(location.module, str(Path(self._root, location.path)))
        if fault:
            return ReflectedService(name=service.name, fault=fault, line=line, importable=False)
        try:
            target: Any = sys.modules[location.module]
            for part in location.qualname.split("."):
                target = getattr(target, part)
        except AttributeError:
            fault = f"{location.path} has no {location.qualname!r} once imported; is it defined under a condition?"
            return ReflectedService(name=service.name, fault=fault)
        try:
            return self._described(service, target)
        except HomeportError as error:
            return ReflectedService(name=service.name, fault=str(error), line=location.line)
        except Exception as error:  # of a metaclass, a property, an annotation: it is the application's code that runs
            return ReflectedService(name=service.name, fault=_last_line(error), line=location.line)

    def _described(self, service: PlannedService, target: Any) -> ReflectedService:
        seen = ReflectedService(name=service.name)
        if service.kind == "asgi":
            contract = app_contract(service.name, public=service.public)
            seen = msgspec.structs.replace(seen, contract=contract, dependencies=service.dependencies)
        else:
            if not isinstance(target, type) or not is_service(target):
                fault = f"{service.location.qualname} is not marked with @service once imported"
                return ReflectedService(name=service.name, fault=fault, line=service.location.line)
            options = options_of(target)
            seen = msgspec.structs.replace(
                seen,
                contract=signature_of(target, service.name).contract,
                options=options,
                dependencies=self._dependencies(service, target),
            )
        needed = self._costs.needed_by(service.location.module)
        seconds, kilobytes = self._costs.total(needed)
        own, libraries = _sorted_out(needed, self._root)
        costs = self._costs.modules
        return msgspec.structs.replace(
            seen,
            import_seconds=seconds,
            import_kilobytes=kilobytes,
            modules=tuple(sorted(own)),
            libraries=tuple(sorted(libraries)),
            slowest=tuple(
                (name, costs[name].seconds) for name in sorted(needed, key=lambda name: -costs[name].seconds)[:_SLOWEST]
            ),
        )

    def _dependencies(self, service: PlannedService, cls: type) -> Any:
        if not self._request.compare:
            return without_present(service, cls).dependencies
        from homeport.build.live.planned import planned_service

        return planned_service(cls).dependencies


def _import(module: str, path: str = "") -> tuple[str, int]:
    """Import it; else why that failed, and the line of the file at ``path`` where it did."""
    try:
        importlib.import_module(module)
    except BaseException as error:  # a module may well call sys.exit()
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
        return _last_line(error), (lines[-1] or 0) if lines else getattr(error, "lineno", 0) or 0
    return "", 0


def _last_line(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it calls sys.exit({error.code!r}) when imported"
    return traceback.format_exception_only(error)[-1].strip()


def _sorted_out(modules: list[str], root: str) -> tuple[set[str], set[str]]:
    """The modules of the application, and the top-level names of libraries."""
    own: set[str] = set()
    libraries: set[str] = set()
    for name in modules:
        top = name.partition(".")[0]
        if _relative(getattr(sys.modules.get(name), "__file__", None), root):
            own.add(name)
        elif top not in sys.stdlib_module_names and top != "homeport" and not top.startswith("_sysconfigdata"):
            libraries.add(top)
    return own, libraries - {name.partition(".")[0] for name in own}


def _place(cls: type, root: str) -> MarkedClass | None:
    """Where the class was written; None when that is not below the root."""
    path = _relative(getattr(sys.modules.get(cls.__module__), "__file__", None), root)
    if not path:
        return None
    first = [value.__code__.co_firstlineno for value in vars(cls).values() if hasattr(value, "__code__")]
    return MarkedClass(
        service=options_of(cls).name,
        module=cls.__module__,
        qualname=cls.__qualname__,
        path=path,
        line=min(first, default=1),
    )


def _relative(file: str | None, root: str) -> str:
    """The file's path relative to the root; empty when it is elsewhere, or in an environment that lies below."""
    if not file or not Path(file).is_relative_to(root):
        return ""
    relative = Path(file).relative_to(root)
    return "" if "site-packages" in relative.parts else relative.as_posix()
