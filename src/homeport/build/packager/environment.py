"""What is installed where this Python runs: which distribution a module belongs to, and which files."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from homeport.build.packager.requirements import Installed

_LEFT_OUT = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})  # they tell of this machine


class Environment:
    """The distributions of this Python."""

    def __init__(self) -> None:
        self._owners = packages_distributions()

    def find(self, name: str) -> Installed | None:
        found = self.distribution(name)
        if found is None:
            return None
        return Installed(name=found.metadata["Name"], version=found.version, requires=tuple(found.requires or ()))

    def distribution(self, name: str) -> Distribution | None:
        try:
            return distribution(name)
        except PackageNotFoundError:
            return None

    def owners(self, module: str) -> tuple[str, ...]:
        """The distributions that a dotted module may come from: several only for one that they share."""
        top = module.partition(".")[0]
        owners = sorted({canonicalize_name(name) for name in self._owners.get(top, ())})
        if len(owners) < 2:
            return tuple(owners)
        path = module.replace(".", "/")
        holding = [name for name in owners if any(_holds(file, path) for file in self._named_files(name))]
        return tuple(holding or owners)

    def modules_of(self, wanted: str) -> list[str]:
        """Heads of the modules that the distribution of a requirement has; none of what is no requirement."""
        try:
            known = canonicalize_name(Requirement(wanted).name)
        except InvalidRequirement:
            return []
        return sorted(head for head, owners in self._owners.items() if known in map(canonicalize_name, owners))

    def modules_outside(self, names: Collection[str]) -> list[str]:
        """Heads of the modules that only other distributions than these have."""
        known = {canonicalize_name(name) for name in names}
        return sorted(head for head, owners in self._owners.items() if known.isdisjoint(map(canonicalize_name, owners)))

    def loose(self, module: str) -> Path | None:
        """Where the package or module at the head of a dotted name lies, when no distribution lists it."""
        top = module.partition(".")[0]
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        if spec.submodule_search_locations:
            return Path(next(iter(spec.submodule_search_locations)))
        return Path(spec.origin) if spec.origin and spec.origin.endswith(".py") else None

    def files(self, name: str) -> Iterator[tuple[str, Path]]:
        """What of a distribution belongs in an artefact: path from site-packages, and where it is."""
        found = self.distribution(name)
        for file in (found.files or ()) if found is not None else ():
            path = file.as_posix()
            if path.startswith((".", "/")) or path.endswith((".pyc", ".pth")) or "__pycache__/" in path:
                continue
            if ".dist-info/" in path and file.name in _LEFT_OUT:
                continue
            located = Path(str(file.locate()))
            if located.is_file():
                yield path, located

    def _named_files(self, name: str) -> list[str]:
        found = self.distribution(name)
        return [file.as_posix() for file in (found.files or ())] if found is not None else []


def is_standard(module: str) -> bool:
    """Whether Python itself has it."""
    return module.partition(".")[0] in sys.stdlib_module_names


def _holds(file: str, path: str) -> bool:
    return file in (f"{path}.py", f"{path}/__init__.py") or file.startswith(f"{path}/")
