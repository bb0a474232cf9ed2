"""Edits that import a name for type checkers only: below ``if TYPE_CHECKING:``, which is made where there is none."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence

import msgspec

from homeport.build.diagnostics.finding import Edit
from homeport.build.diagnostics.fixes.statements import first_line, is_docstring

EMPTY = "\n"  # a line


class Known(msgspec.Struct, frozen=True):
    """A name of the file that stands for a class of another module already."""

    name: str
    line: int = 0  # from which on it can be used when the file runs; 0: never


class Imports:
    """What a file imports at its top level, and where more can go."""

    def __init__(self, tree: ast.Module, source: str, path: str, package: str) -> None:
        self._tree, self._lines, self._path, self._package = tree, source.split("\n"), path, package
        self._block = next((found for node in tree.body if (found := _type_checking_block(node)) is not None), None)
        self.deferred = any(
            isinstance(node, ast.ImportFrom) and node.module == "__future__" and _has(node, "annotations")
            for node in tree.body
        )
        self.taken = {name for node in _top_level(tree.body) for name in _bound(node)}

    def known(self, module: str, name: str) -> Known | None:
        """How the file refers to ``name`` of ``module`` already, if it does."""
        for node in _top_level(self._tree.body):
            if isinstance(node, ast.ImportFrom) and self._absolute(node) == module:
                for alias in node.names:
                    if alias.name == name:
                        return Known(alias.asname or name, self._from_line(node))
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == module:
                        return Known(f"{alias.asname or module}.{name}", self._from_line(node))
        return None

    def _from_line(self, node: ast.stmt) -> int:
        return (node.end_lineno or 0) + 1 if node in self._tree.body else 0

    def module_of(self, name: str) -> str:
        """The module that a dotted name of the file was imported from; empty when it was not."""
        first = name.partition(".")[0]
        for node in _top_level(self._tree.body):
            if isinstance(node, ast.ImportFrom) and any((alias.asname or alias.name) == first for alias in node.names):
                return self._absolute(node)
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if (alias.asname or alias.name.partition(".")[0]) == first:
                        return alias.name
        return ""

    def edits(self, wanted: Sequence[tuple[str, str, str]], indent: str) -> Iterator[Edit]:
        """Import each (module, name, alias or "") of ``wanted`` for type checkers."""
        names: dict[str, list[str]] = {}
        for module, name, alias in sorted(wanted):
            names.setdefault(module, []).append(f"{name} as {alias}" if alias else name)
        lines = [f"from {self._as_neighbour(module)} import {', '.join(members)}" for module, members in names.items()]
        if not lines:
            return
        if self._block is not None:
            yield from self._into_block(lines)
            return
        guard = self._guard()
        line = self._after_imports()
        block = "".join(f"{indent}{text}\n" for text in lines)
        before = [] if guard else list(self._import_guard(line))
        text = f"if {guard or 'TYPE_CHECKING'}:\n{block}{'' if self._is_empty(line) else EMPTY}"
        if before or (line > 1 and not self._is_empty(line - 1)):
            text = f"\n{text}"
        # Two insertions at one place are one.
        here = "".join(edit.text for edit in before if edit.line == line)
        yield from (edit for edit in before if edit.line != line)
        yield self._insert(line, here + text)

    def _into_block(self, lines: Sequence[str]) -> Iterator[Edit]:
        assert self._block is not None
        body = self._block.body
        indent = self._lines[body[0].lineno - 1][: body[0].col_offset]
        by_line: dict[int, str] = {}
        for text in lines:
            module = text.split()[1]
            later = next((node for node in body if _sorts_after(node, module)), None)
            imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
            line = later.lineno if later else (imports[-1].end_lineno or 0) + 1 if imports else body[0].lineno
            by_line[line] = by_line.get(line, "") + f"{indent}{text}\n"
        for line, text in by_line.items():
            yield self._insert(line, text)

    def _as_neighbour(self, module: str) -> str:
        """Relative, if the file imports its neighbours so and the module is one."""
        relative = any(isinstance(node, ast.ImportFrom) and node.level for node in _top_level(self._tree.body))
        near = f"{self._package}."
        return module.removeprefix(self._package) if relative and module.startswith(near) else module

    def _guard(self) -> str | None:
        """What the file calls ``TYPE_CHECKING`` where a new block will stand."""
        for node in self._leading_imports():
            if isinstance(node, ast.ImportFrom) and node.module == "typing":
                for alias in node.names:
                    if alias.name == "TYPE_CHECKING":
                        return alias.asname or alias.name
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == "typing":
                        return f"{alias.asname or 'typing'}.TYPE_CHECKING"
        return None

    def _import_guard(self, block: int) -> Iterator[Edit]:
        """``block`` is the line before which what needs it will stand."""
        imports = self._leading_imports()
        for node in imports:
            if isinstance(node, ast.ImportFrom) and node.module == "typing" and self._is_plain(node):
                parts = sorted({"TYPE_CHECKING", *(_written(alias) for alias in node.names)}, key=_as_sorted)
                text = f"from typing import {', '.join(parts)}"
                yield self._edit(node.lineno, 1, node.lineno, len(self._lines[node.lineno - 1]) + 1, text)
                return
        text = "from typing import TYPE_CHECKING\n"
        standard = [node for node in imports if _is_standard(node)]
        others = [node for node in imports if not _is_future(node)]
        later = next((node for node in standard if _sorts_after(node, "typing")), None)
        if later is not None:
            yield self._insert(later.lineno, text)
        elif standard:
            yield self._insert((standard[-1].end_lineno or 0) + 1, text)
        elif others:
            yield self._insert(others[0].lineno, f"{text}\n")
        else:
            yield self._insert(block, text if block == 1 or self._is_empty(block - 1) else f"\n{text}")

    def _is_empty(self, line: int) -> bool:
        """Also past the end of the file."""
        return line > len(self._lines) or not self._lines[line - 1].strip()

    def _leading_imports(self) -> list[ast.Import | ast.ImportFrom]:
        found: list[ast.Import | ast.ImportFrom] = []
        for node in self._tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                found.append(node)
            elif not is_docstring(node):
                break
        return found

    def _after_imports(self) -> int:
        imports = self._leading_imports()
        if imports:
            return (imports[-1].end_lineno or 0) + 1
        first = self._tree.body[0]
        return (first.end_lineno or 0) + 1 if is_docstring(first) else first_line(first)

    def _is_plain(self, node: ast.ImportFrom) -> bool:
        text = self._lines[node.lineno - 1]
        return node.end_lineno == node.lineno and not set(text) & set("();#*\\") and node.col_offset == 0

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self._package.split(".") if self._package else []
        above = parts[: len(parts) - node.level + 1]
        return ".".join([*above, *([node.module] if node.module else [])])

    def _insert(self, line: int, text: str) -> Edit:
        return self._edit(line, 1, line, 1, text)

    def _edit(self, line: int, column: int, end_line: int, end_column: int, text: str) -> Edit:
        return Edit(path=self._path, line=line, column=column, end_line=end_line, end_column=end_column, text=text)


def _top_level(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            for inner in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(node, inner, []))


def _bound(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.Import() | ast.ImportFrom():
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            yield node.name
        case _:
            stored = (inner for inner in ast.walk(node) if isinstance(inner, ast.Name))
            yield from (name.id for name in stored if isinstance(name.ctx, ast.Store))


def _type_checking_block(node: ast.stmt) -> ast.If | None:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), body=[first, *_]):
            return node if first.lineno > node.lineno else None
    return None


def _is_standard(node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom):
        return not node.level and not _is_future(node) and _top(node.module or "") in sys.stdlib_module_names
    return all(_top(alias.name) in sys.stdlib_module_names for alias in node.names)


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _top(module: str) -> str:
    return module.partition(".")[0]


def _sorts_after(node: ast.stmt, module: str) -> bool:
    if not isinstance(node, ast.ImportFrom) or _is_future(node):
        return False
    written = "." * node.level + (node.module or "")
    return (written.startswith("."), written) > (module.startswith("."), module)


def _has(node: ast.ImportFrom, name: str) -> bool:
    return any(alias.name == name for alias in node.names)


def _written(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _as_sorted(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, as import sorters do."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2), name
