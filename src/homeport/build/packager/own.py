"""The application's own modules by name, and which of them are reached by calls that import."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from homeport.build.packager.dynamic import DynamicImport, dynamic_imports
from homeport.build.packager.imported import imported_names


class OwnModules:
    """The Python files among ``paths``, which are relative to the import root."""

    def __init__(self, root: Path, paths: Iterable[str]) -> None:
        self._root = root
        self._paths = {_module(path): path for path in paths if path.endswith(".py")}

    def below(self, name: str) -> list[str]:
        """The files of a module and of the packages around it; if it is a package, of all inside; none of no module."""
        inside = [path for module, path in self._paths.items() if f"{module}.".startswith(f"{name}.")]
        return [*self._to(name), *inside] if inside else []

    def followed(self, reached: Collection[str], further: Iterable[str] = ()) -> set[str]:
        """Files ``reached`` by imports with what they import by a call, ``further`` ones with all that they import."""
        added = set(further) - set(reached)
        known = {*reached, *added}
        pending = [(path, path in added) for path in known]
        while pending:
            path, all_names = pending.pop()
            for found in self._imported(path, all_names):
                if found not in known:
                    known.add(found)
                    pending.append((found, True))
        return known

    def dynamic_imports_of(self, path: str) -> list[DynamicImport]:
        return dynamic_imports((self._root / path).read_bytes(), _package(path))

    def _imported(self, path: str, all_names: bool) -> Iterator[str]:
        """Whoever reached a file by its imports has followed these; ``all_names`` when nobody has."""
        for called in self.dynamic_imports_of(path):
            if called.name:
                yield from self.below(called.name) if called.open_ended else self._to(called.name)
        if all_names:
            for name in imported_names((self._root / path).read_bytes(), _package(path)):
                for imported in (name.name, *(f"{name.name}.{member}" for member in name.members)):
                    yield from self._to(imported)

    def _to(self, name: str) -> Iterator[str]:
        """The files that importing a module runs: its packages', and its own."""
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            path = self._paths.get(".".join(parts[:length]))
            if path is not None:
                yield path


def _module(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def _package(path: str) -> str:
    return path.rpartition("/")[0].replace("/", ".")
