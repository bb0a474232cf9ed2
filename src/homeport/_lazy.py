"""A package whose public names are imported when first used, so that importing it costs next to nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """The class that ``load_lazily`` gives a package module."""

    _sources: Mapping[str, str]  # public name → module that defines it
    _submodules: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        if name in self._sources:
            value = getattr(import_module(self._sources[name]), name)
        elif name in self._submodules:
            return import_module(f"{self.__name__}.{name}")
        elif name == "__version__":
            value = installed_version(self.__name__)
        else:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._sources, *self._submodules, "__version__"})


def load_lazily(package: str, names: Mapping[str, str], *, submodules: tuple[str, ...] = ()) -> None:
    """Let ``package`` import each of ``names`` from its module, and each of ``submodules``, when first asked for it.

    ``names`` maps a module to the names it defines, separated by spaces.
    """
    module = sys.modules[package]
    sources = {name: source for source, defined in names.items() for name in defined.split()}
    vars(module).update(_sources=sources, _submodules=submodules)
    module.__class__ = LazyPackage


def installed_version(package: str) -> str:
    """The version of the package's distribution, which has its name.

    It stands in the name of the folder that installers leave. To have ``importlib.metadata`` look for it, which comes
    with a parser of mail, takes a quarter of the time in which a worker starts.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    for folder in sys.path:
        try:
            names = os.listdir(folder) if folder else []
        except OSError:  # a zip, or nothing at all
            continue
        for name in names:
            if name.startswith(f"{package}-") and name.endswith(".dist-info"):
                return name.removeprefix(f"{package}-").removesuffix(".dist-info")
    from importlib.metadata import version

    return version(package)
