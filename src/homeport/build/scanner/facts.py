"""What one source file says, without running it: source text in, names, imports and classes out."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.classes import ClassFacts, bound_names, read_class, simple_statements
from homeport.build.scanner.expressions import Mark, dotted, read_mark


class Imported(msgspec.Struct, frozen=True, tag="i"):
    """A name that stands for a module, or for ``name`` of it."""

    module: str  # absolute
    name: str = ""


class Alias(msgspec.Struct, frozen=True, tag="a"):
    """A name given to another name: ``pay = shop.payments``."""

    target: str


class OwnClass(msgspec.Struct, frozen=True, tag="c"):
    """A class at the top level of the file."""

    qualname: str


class Defined(msgspec.Struct, frozen=True, tag="d"):
    """A name that the file itself defines, other than a class."""

    kind: str  # "function", "async function", "value"


Binding = Imported | Alias | OwnClass | Defined


class MarkedFunction(msgspec.Struct, frozen=True):
    """A function outside any class that has decorators."""

    name: str
    marks: tuple[Mark, ...]


class ModuleFacts(msgspec.Struct, kw_only=True):
    """One module: what its names stand for, what it imports, which classes it has."""

    module: str
    path: str  # relative to the import root; "" for a folder without __init__.py
    is_package: bool = False
    error: Finding | None = None  # why it could not be read
    whole: bool = True  # False: only the bodies of decorated classes were read, which is most of what a scan asks for
    names: dict[str, Binding] = {}
    stars: list[str] = []  # modules whose public names it takes over
    imports: dict[str, None] = {}  # every module it may reach, in order; functions included
    classes: dict[str, ClassFacts] = {}  # by qualname; only those that can be imported
    local_classes: list[ClassFacts] = []  # those inside functions
    marked_functions: list[MarkedFunction] = []

    def absolute(self, level: int, module: str | None) -> str:
        """The module that ``from ..module import`` means here."""
        if level == 0:
            return module or ""
        package = self.module.split(".") if self.module else []
        parts = package[: len(package) - level + self.is_package]
        return ".".join([*parts, *([module] if module else [])])


def read_module(
    source: str | bytes, *, module: str, path: str, is_package: bool = False, whole: bool = True
) -> ModuleFacts:
    """The facts of a source text; when it cannot be parsed, its ``error`` says where and why.

    Unless ``whole``, bodies of classes without decorators stay unread: to walk them takes as long as to parse the file.
    """
    try:
        tree = parse(source)
    except SyntaxError as error:
        message = f"cannot be parsed: {error.msg}"
        at = Finding(severity="error", path=path, line=error.lineno or 1, column=error.offset or 1, message=message)
        return ModuleFacts(module=module, path=path, is_package=is_package, error=at)
    facts = ModuleFacts(module=module, path=path, is_package=is_package, whole=whole)
    for statement in simple_statements(tree.body):
        _bind(facts, statement)
    for cls in _class_statements(tree.body, "", whole):
        _bind_class(facts, cls)
    for statement in _import_statements(tree.body):
        _note_imports(facts, statement)
    return facts


def parse(source: str | bytes) -> ast.Module:
    """Parse, with every reason why that may fail as a ``SyntaxError``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the interpreter repeats them when it compiles the file
            return ast.parse(source)
    except ValueError as error:
        raise SyntaxError(str(error)) from None
    except (RecursionError, MemoryError):
        raise SyntaxError("nested too deeply") from None


def _bind(facts: ModuleFacts, statement: ast.stmt) -> None:
    match statement:
        case ast.Import():
            for alias in statement.names:
                module = alias.name if alias.asname else alias.name.partition(".")[0]
                facts.names[alias.asname or module] = Imported(module)
        case ast.ImportFrom():
            module = facts.absolute(statement.level, statement.module)
            for alias in statement.names:
                if alias.name == "*":
                    facts.stars.append(module)
                else:
                    facts.names[alias.asname or alias.name] = Imported(module, alias.name)
        case ast.ClassDef():
            pass  # _bind_class does it
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            kind = "async function" if isinstance(statement, ast.AsyncFunctionDef) else "function"
            facts.names[statement.name] = Defined(kind)
            if statement.decorator_list:
                marks = tuple(read_mark(decorator) for decorator in statement.decorator_list)
                facts.marked_functions.append(MarkedFunction(statement.name, marks))
        case _:
            value = getattr(statement, "value", None)
            target = dotted(value) if isinstance(value, ast.expr) else ""
            for name in bound_names(statement):
                # `try: from fast import X / except ImportError: X = None` still means the imported one.
                facts.names.setdefault(name, Alias(target) if target else Defined("value"))


def _class_statements(body: list[ast.stmt], prefix: str, whole: bool) -> Iterator[ClassFacts]:
    for statement in simple_statements(body):
        if isinstance(statement, ast.ClassDef):
            cls = read_class(statement, prefix + statement.name, whole=whole)
            yield cls
            yield from _class_statements(statement.body, f"{cls.qualname}.", whole)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _class_statements(statement.body, f"{prefix}{statement.name}.<locals>.", whole)


def _bind_class(facts: ModuleFacts, cls: ClassFacts) -> None:
    if "<locals>" in cls.qualname:
        facts.local_classes.append(cls)
        return
    facts.classes[cls.qualname] = cls
    if cls.qualname == cls.name:
        facts.names[cls.name] = OwnClass(cls.qualname)


def _import_statements(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    for statement in simple_statements(body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _import_statements(statement.body)


def _note_imports(facts: ModuleFacts, statement: ast.Import | ast.ImportFrom) -> None:
    if isinstance(statement, ast.Import):
        facts.imports.update((alias.name, None) for alias in statement.names)
        return
    module = facts.absolute(statement.level, statement.module)
    facts.imports[module] = None
    # Each name may be a submodule; who follows the import finds out.
    facts.imports.update((f"{module}.{alias.name}" if module else alias.name, None) for alias in statement.names)
