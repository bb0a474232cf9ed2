"""What one source file says, without running it: source text in, names, imports and classes out."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.bindings import Binding, Constant, Imported, NameReader, OwnFunction, Star, absolute_module
from homeport.build.scanner.calls import Place
from homeport.build.scanner.classes import ClassFacts, read_class
from homeport.build.scanner.exports import Exports
from homeport.build.scanner.expressions import Mark, applied_calls, dotted, read_mark
from homeport.build.scanner.flow import Placed, module_statements
from homeport.build.scanner.helpers import read_helpers
from homeport.build.scanner.parsing import Unparsable, parse
from homeport.build.scanner.statements import Keyword, classes_below, imports_below


class MarkedFunction(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A function outside any class that has decorators."""

    name: str
    marks: tuple[Mark, ...]


class Applied(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A call at the top level that may decorate a class: ``service(Payments)``, ``service(replicas=2)(Payments)``."""

    mark: Mark
    target: str  # dotted; "" for what another call makes


_MARK_NOTHING = frozenset(
    {"abc", "asyncio", "collections", "contextlib", "contextvars", "dataclasses", "datetime", "enum", "functools"}
    | {"logging", "os", "pathlib", "re", "sys", "threading", "typing", "typing_extensions", "warnings"}
)


class ModuleFacts(msgspec.Struct, kw_only=True, array_like=True, gc=False):
    """One module: what its names stand for, what it imports, which classes it has."""

    module: str
    path: str  # relative to the import root; "" for a folder without __init__.py
    is_package: bool = False
    error: Finding | None = None  # why it could not be read
    whole: bool = True  # False: only the bodies of decorated classes were read, which is most of what a scan asks for
    names: dict[str, Binding] = {}  # what each name stands for in the end
    earlier: dict[str, list[Binding]] = {}  # what it stood for before, in order; only of names bound more than once
    fallbacks: dict[str, list[Binding]] = {}  # what an `except` or `else` makes of it
    stars: list[Star] = []
    exports: Exports = Exports()
    imports: dict[str, None] = {}  # every module it may reach, in order; functions included
    classes: dict[str, ClassFacts] = {}  # by qualname; only those that can be imported
    local_classes: list[ClassFacts] = []  # those inside functions
    typing_only: list[str] = []  # qualnames of the classes that only type checkers see
    branched: list[str] = []  # qualnames of those that may not be there once the module has run
    marked_functions: list[MarkedFunction] = []
    applied: list[Applied] = []
    helpers: dict[str, tuple[Place, ...]] = {}  # what its functions call; if whole, or if it imports homeport

    @property
    def matters(self) -> bool:
        """Whether a scan has to look at it even if nothing leads to it: it may hold a service, or an error."""
        if self.error is not None or any(cls.makes_classes for cls in self.classes.values()):
            return True
        if any(self._may_mark(one.mark.name) and self._may_be_class(one.target) for one in self.applied):
            return True
        marks = [cls.marks for cls in (*self.classes.values(), *self.local_classes)]
        marks.extend(function.marks for function in self.marked_functions)
        return any(self._may_mark(mark.name) for of_one in marks for mark in of_one)

    def _may_mark(self, name: str) -> bool:
        """Whether a call or decorator may make a service; what the standard library has does not."""
        first, _, rest = name.partition(".")
        binding = self.names.get(first)
        if not isinstance(binding, Imported) or first in self.earlier or first in self.fallbacks or self.stars:
            return True
        return binding.module.partition(".")[0] not in _MARK_NOTHING or "partial" in (binding.name, rest)

    def _may_be_class(self, name: str) -> bool:
        binding = self.names.get(name)
        return not isinstance(binding, Constant | OwnFunction) or name in self.earlier


def read_module(
    source: str | bytes, *, module: str, path: str, is_package: bool = False, whole: bool = True
) -> ModuleFacts:
    """The facts of a source text; when it cannot be parsed, its ``error`` says where and why.

    Unless ``whole``, bodies of classes without decorators stay unread: to walk them takes as long as to parse the file.
    """
    try:
        tree = parse(source, path)
    except Unparsable as error:
        return ModuleFacts(module=module, path=path, is_package=is_package, error=error.finding)
    facts = ModuleFacts(module=module, path=path, is_package=is_package, whole=whole)
    package = module.split(".") if is_package else module.split(".")[:-1]
    _read_top(facts, tree.body, package, Keyword("class", source))
    for statement in imports_below(tree.body, Keyword("import", source)):
        _note_imports(facts, statement, package)
    if whole or any(name.partition(".")[0] == "homeport" for name in facts.imports):
        functions = (one for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
        facts.helpers = read_helpers(functions, facts.names)
    return facts


def _read_top(facts: ModuleFacts, body: list[ast.stmt], package: list[str], keyword: Keyword) -> None:
    names = NameReader(package, whole=facts.whole)
    for placed in module_statements(body):
        statement = placed.statement
        names.read(placed)
        if isinstance(statement, ast.ClassDef):
            wins = names.names.final[statement.name].line == statement.lineno
            if wins or statement.name not in facts.classes:
                found = _classes([statement], "", keyword, facts.whole)
                _note_classes(facts, statement.name, found, placed)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            if keyword.within(statement.lineno, statement.end_lineno or statement.lineno):
                prefix = f"{statement.name}.<locals>."
                facts.local_classes.extend(_classes(statement.body, prefix, keyword, facts.whole))
            if statement.decorator_list:
                marks = tuple(read_mark(decorator) for decorator in statement.decorator_list)
                facts.marked_functions.append(MarkedFunction(statement.name, marks))
        elif isinstance(statement, ast.Expr | ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Call):
            facts.applied.extend(_applied(statement.value))
    bound = names.names
    facts.names, facts.earlier, facts.fallbacks, facts.stars = bound.final, bound.earlier, bound.fallbacks, bound.stars
    facts.exports = names.exports.exports


def _classes(body: list[ast.stmt], prefix: str, keyword: Keyword, whole: bool) -> Iterator[ClassFacts]:
    for statement, qualname in classes_below(body, prefix, keyword):
        yield read_class(statement, qualname, whole=whole)


def _note_classes(facts: ModuleFacts, name: str, found: Iterable[ClassFacts], placed: Placed) -> None:
    """Enter a class with those inside it, in place of one that its name stood for."""
    if name in facts.classes:
        for stale in [qualname for qualname in facts.classes if qualname.partition(".")[0] == name]:
            del facts.classes[stale]
    for cls in found:
        if "<locals>" in cls.qualname:
            facts.local_classes.append(cls)
        else:
            facts.classes[cls.qualname] = cls
            if placed.typing_only:
                facts.typing_only.append(cls.qualname)
            elif placed.branched:
                facts.branched.append(cls.qualname)


def _applied(call: ast.Call) -> Iterator[Applied]:
    functions, target = applied_calls(call)
    name = dotted(target)
    if (name or isinstance(target, ast.Call)) and not name.startswith("__"):
        yield from (Applied(read_mark(function), name) for function in functions)


def _note_imports(facts: ModuleFacts, statement: ast.Import | ast.ImportFrom, package: list[str]) -> None:
    if isinstance(statement, ast.Import):
        facts.imports.update((alias.name, None) for alias in statement.names)
        return
    module = absolute_module(package, statement.level, statement.module)
    facts.imports[module] = None
    # Each name may be a submodule; who follows the import finds out.
    facts.imports.update((f"{module}.{alias.name}" if module else alias.name, None) for alias in statement.names)
