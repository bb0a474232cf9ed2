"""Declares handles: one annotation a dependency, so that editors and type checkers know its methods."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

import msgspec

from homeport.build.diagnostics.finding import Edit
from homeport.build.diagnostics.fixes.annotations import annotate, class_at, indentation, takes_annotations
from homeport.build.diagnostics.fixes.imports import Imports


class Handle(msgspec.Struct, frozen=True):
    """``self.<attribute>``, used at a line, and the class that it stands for."""

    attribute: str
    line: int
    module: str
    qualname: str


class File(msgspec.Struct, frozen=True):
    """The file that edits are for."""

    path: str
    module: str
    is_package: bool = False


_TRANSPARENT = ("object", "ABC", "Generic", "Protocol")

IsOwn = Callable[[str], bool]  # whether a module of this name is of the application


class Declared(msgspec.Struct, frozen=True):
    edits: tuple[Edit, ...] = ()
    handles: tuple[Handle, ...] = ()  # those that the edits declare


def declare(source: str, file: File, handles: Sequence[Handle], is_own: IsOwn) -> Declared:
    """The edits that declare as many of the ``handles`` of one file as that is safe for; nothing else changes.

    It is not for dataclasses and the like, nor for classes with bases of elsewhere: those may read annotations.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Declared()
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    imports = Imports(tree, text, file.path, file.module if file.is_package else file.module.rpartition(".")[0])
    outside = _outside_bases(tree, imports, is_own)
    safe = [(node, members) for node, members in _by_class(tree, handles) if not outside(node)]
    return _declare(safe, text.split("\n"), imports, file)


def _declare(
    classes: Sequence[tuple[ast.ClassDef, list[Handle]]], lines: list[str], imports: Imports, file: File
) -> Declared:
    edits: list[Edit] = []
    declared: list[Handle] = []
    wanted: dict[tuple[str, str], str] = {}  # (module, name) → alias
    indent = "    "
    for node, members in classes:
        if not takes_annotations(node):
            continue
        bound = {name for statement in node.body for name in _names(statement)}
        lines_to_add: list[str] = []
        added: list[Handle] = []
        needed: dict[tuple[str, str], str] = {}
        for handle in members:
            if handle.attribute in bound or "<" in handle.qualname:
                continue
            annotation, new = _annotation(handle, imports, file.module, wanted | needed)
            added.append(handle)
            lines_to_add.append(f"{handle.attribute}: {annotation}")
            needed |= new
        edit = annotate(node, lines, lines_to_add, file.path) if lines_to_add else None
        if edit is not None:
            edits.append(edit)
            declared += added
            wanted |= needed
            indent = _one_level(indentation(node, lines), node.col_offset)
    needed_imports = imports.edits([(*key, alias) for key, alias in wanted.items()], indent)
    return Declared((*needed_imports, *edits), tuple(declared))


def _outside_bases(tree: ast.Module, imports: Imports, is_own: IsOwn) -> Callable[[ast.ClassDef], bool]:
    """Tells whether a class has a base, directly or through classes of its file, that is not of the application."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def outside(node: ast.ClassDef, above: frozenset[str] = frozenset()) -> bool:
        if node.keywords:  # a metaclass
            return True
        for base in node.bases:
            name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
            if name.rpartition(".")[2] in _TRANSPARENT:
                continue
            if name in classes:
                if name not in above and outside(classes[name], above | {name}):
                    return True
            elif not is_own(imports.module_of(name)):
                return True
        return False

    return outside


def _by_class(tree: ast.Module, handles: Sequence[Handle]) -> list[tuple[ast.ClassDef, list[Handle]]]:
    found: dict[ast.ClassDef, dict[str, Handle]] = {}
    for handle in sorted(handles, key=lambda handle: (handle.line, handle.attribute)):
        node = class_at(tree, handle.line)
        if node is not None:
            found.setdefault(node, {}).setdefault(handle.attribute, handle)
    return [(node, list(members.values())) for node, members in found.items()]


def _annotation(
    handle: Handle, imports: Imports, module: str, wanted: dict[tuple[str, str], str]
) -> tuple[str, dict[tuple[str, str], str]]:
    """What to write as the type, and what must be imported for it."""
    first, dot, rest = handle.qualname.partition(".")
    needed: dict[tuple[str, str], str] = {}
    at_run_time = False
    if handle.module == module:
        name = first
    elif (known := imports.known(handle.module, first)) is not None:
        name, at_run_time = known.name, 0 < known.line <= handle.line
    else:
        key = (handle.module, first)
        alias = wanted.get(key)
        if alias is None:
            others = imports.taken | {other or name for (_, name), other in wanted.items()}
            alias = _free(first, others)
        needed[key] = alias
        name = alias or first
    written = f"{name}{dot}{rest}"
    return (written if imports.deferred or at_run_time else f'"{written}"'), needed


def _free(name: str, taken: set[str]) -> str:
    """An alias under which the class can be imported; empty when its own name is free."""
    if name not in taken:
        return ""
    candidate = name if name.endswith("Service") else f"{name}Service"
    while candidate in taken:
        candidate += "_"
    return candidate


def _names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
    return []


def _one_level(inner: str, outer_width: int) -> str:
    return inner[outer_width:] or "    "
