"""What each import costs in time and memory, and which modules it needs: measured while they are imported."""

from __future__ import annotations

import builtins
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec
from time import perf_counter
from types import ModuleType
from typing import Any

Execute = Callable[[ModuleType], None]


class ModuleCost:
    """Of one module by itself, without what it imports."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.kilobytes = 0
        self.needs: dict[str, None] = {}


class ImportCosts:
    """Counts from ``watch()`` on; modules that were there before cost nothing.

    It stands first among the finders, and asks the others: it changes what a module is loaded by, but not how.
    """

    def __init__(self) -> None:
        self.modules: dict[str, ModuleCost] = {}
        self._running: list[_Timing] = []
        self._import = builtins.__import__

    def watch(self) -> None:
        sys.meta_path.insert(0, self)
        builtins.__import__ = self._noting_import

    def needed_by(self, module: str) -> list[str]:
        """The watched modules that importing ``module`` runs, directly or not; itself among them."""
        found: dict[str, None] = {}
        pending = [module]
        while pending:
            name = pending.pop()
            if name in found:
                continue
            found[name] = None
            package = name.rpartition(".")[0]
            if package:
                pending.append(package)
            if (cost := self.modules.get(name)) is not None:
                pending.extend(cost.needs)
        return [name for name in found if name in self.modules]

    def total(self, modules: Iterable[str]) -> tuple[float, int]:
        """Seconds and kilobytes of these together."""
        costs = [self.modules[name] for name in modules]
        return sum(cost.seconds for cost in costs), sum(cost.kilobytes for cost in costs)

    # -- called by the interpreter -------------------------------------------------------------------------------------

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        started = perf_counter()
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None) if finder is not self else None
            spec: ModuleSpec | None = find(name, path, target) if find is not None else None
            if spec is not None:
                self._watch_loader(spec, perf_counter() - started)
                return spec
        return None

    def _watch_loader(self, spec: ModuleSpec, finding: float) -> None:
        execute = getattr(spec.loader, "exec_module", None)
        if execute is None or isinstance(spec.loader, type):  # of built-in modules, which cost nothing
            return
        self.modules.setdefault(spec.name, ModuleCost()).seconds += finding
        if self._running:
            self._running[-1].inner_seconds += finding
        if isinstance(execute, _Timed):  # by a loader that loads many modules
            return
        try:
            spec.loader.exec_module = _Timed(self._timed, execute)  # type: ignore[union-attr, method-assign]
        except AttributeError:  # a loader with slots: it stays uncounted
            self.modules.pop(spec.name, None)

    def _timed(self, execute: Execute, module: ModuleType) -> None:
        name = module.__name__
        if self._running:
            self.modules.setdefault(self._running[-1].name, ModuleCost()).needs[name] = None
        timing = _Timing(name)
        self._running.append(timing)
        try:
            execute(module)
        finally:
            self._running.pop()
            cost = self.modules.setdefault(name, ModuleCost())
            timing.charge(cost, self._running[-1] if self._running else None)

    def _noting_import(
        self, name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        result = self._import(name, globals, locals, fromlist, level)
        cost = self.modules.get((globals or {}).get("__name__", ""))
        if cost is not None:
            try:
                full = importlib.util.resolve_name("." * level + name, (globals or {}).get("__package__"))
            except ImportError:  # the import has its own opinion of what is relative to what
                return result
            cost.needs[full] = None
            for part in fromlist or ():
                if f"{full}.{part}" in sys.modules:
                    cost.needs[f"{full}.{part}"] = None
        return result


class _Timed:
    """Stands in for a loader's ``exec_module``."""

    def __init__(self, time: Callable[[Execute, ModuleType], None], execute: Execute) -> None:
        self._time, self._execute = time, execute

    def __call__(self, module: ModuleType) -> None:
        self._time(self._execute, module)


class _Timing:
    """One module that is being executed; what it imports meanwhile is on the account of those."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.started, self.kilobytes = perf_counter(), resident_kilobytes()
        self.inner_seconds, self.inner_kilobytes = 0.0, 0

    def charge(self, cost: ModuleCost, outer: _Timing | None) -> None:
        seconds, kilobytes = perf_counter() - self.started, resident_kilobytes() - self.kilobytes
        cost.seconds += seconds - self.inner_seconds
        cost.kilobytes += max(0, kilobytes - self.inner_kilobytes)
        if outer is not None:
            outer.inner_seconds += seconds
            outer.inner_kilobytes += kilobytes


def resident_kilobytes() -> int:
    """Of this process; where the kernel does not say what it is now, the most that it has been."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // 1024 if sys.platform == "darwin" else most


def _page_kilobytes() -> int:
    import resource

    return resource.getpagesize() // 1024


_PAGE = _page_kilobytes()
