"""Which files an import runs, directly or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from homeport.build.scanner.facts import ModuleFacts

ModuleFinder = Callable[[str], ModuleFacts | None]  # by absolute name; None: no module of the application


class Finder:
    """Finds modules by name, and remembers those found as attributes of their packages: no import may name these."""

    def __init__(self, find: ModuleFinder) -> None:
        self._find = find
        self.inside: dict[str, set[str]] = {}  # modules, by the name of their package

    def __call__(self, name: str) -> ModuleFacts | None:
        """None for Homeport itself, too: it is never part of an application."""
        return None if name.partition(".")[0] == "homeport" else self._find(name)

    def submodule(self, package: ModuleFacts, name: str) -> ModuleFacts | None:
        found = self(f"{package.module}.{name}") if package.is_package else None
        if found is not None:
            self.inside.setdefault(package.module, set()).add(found.module)
        return found


class ImportGraph:
    """The imports among the modules of an application, followed when asked for.

    A set of modules is an integer with a bit for each, so that following hundreds of modules that all import each
    other stays cheap.
    """

    def __init__(self, find: Finder) -> None:
        self._find = find
        self._modules: list[ModuleFacts] = []  # by bit
        self._numbers: dict[str, int | None] = {}  # None: no module of the application
        self._imported: dict[int, int] = {}  # by number: the set it imports itself
        self._reached: dict[str, tuple[str, ...]] = {}  # by module

    def reach(self, module: ModuleFacts) -> tuple[str, ...]:
        """The paths of all files that importing ``module`` may read, its own among them, in order."""
        known = self._reached.get(module.module)
        if known is None:
            known = self._reached[module.module] = self._paths(module, self._imports_of)
        return known

    def sources_of(self, module: ModuleFacts) -> tuple[str, ...]:
        """The paths of all files that what was found out about ``module`` may hang on, its own among them."""
        if not self._find.inside:
            return self.reach(module)
        return self._paths(module, lambda number: self._imports_of(number) | self._inside(number))

    def _paths(self, module: ModuleFacts, leads_to: Callable[[int], int]) -> tuple[str, ...]:
        reached, pending = 0, 1 << self._enter(module)
        while pending:
            bit = pending & -pending
            reached |= bit
            pending = (pending | leads_to(bit.bit_length() - 1)) & ~reached
        return tuple(sorted(path for number in _bits(reached) if (path := self._modules[number].path)))

    def _inside(self, number: int) -> int:
        found = 0
        for name in self._find.inside.get(self._modules[number].module, ()):
            other = self._number(name)
            found |= 1 << other if other is not None else 0
        return found

    def _imports_of(self, number: int) -> int:
        if number not in self._imported:
            imported = 0
            for name in dict.fromkeys(_names_run_by(self._modules[number])):
                other = self._number(name)
                if other is not None:
                    imported |= 1 << other
            self._imported[number] = imported
        return self._imported[number]

    def _number(self, name: str) -> int | None:
        if name not in self._numbers:
            facts = self._find(name)
            self._numbers[name] = self._enter(facts) if facts is not None else None
        return self._numbers[name]

    def _enter(self, module: ModuleFacts) -> int:
        number = self._numbers.get(module.module)
        if number is None:
            number = self._numbers[module.module] = len(self._modules)
            self._modules.append(module)
        return number


def _bits(numbers: int) -> Iterator[int]:
    digits = f"{numbers:b}"[::-1]  # finding a character is far quicker than shifting a number of thousands of bits
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


def _names_run_by(module: ModuleFacts) -> Iterator[str]:
    """Every module that ``module`` runs when imported: ``import a.b.c`` runs ``a`` and ``a.b`` too."""
    yield from module.imports
    for name in (module.module, *module.imports):
        while name := name.rpartition(".")[0]:
            yield name
