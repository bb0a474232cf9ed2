"""The tree shows the architecture: who may import whom, read from the source and never run.

The levels and the pure modules are those of docs/architecture.md.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "homeport"

CONCEPTS = ("authoring", "build", "registry", "discovery", "balancing", "health", "scaling", "resources", "events")
LEVELS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "model",
        "clock",
        "durations",
        "graphs",
        "config",
        "config_sources",
        "processes",
        "program",
        "packaged",
        "unpacked",
        "nodes",
        "linehandler",
        "logfiles",
        "_lazy",
    ),
    ("contracts",),
    (*CONCEPTS, "monitoring"),
    ("rpc",),
    ("client", "client_sync", "agreement", "connect", "asgi", "worker", "node", "http", "testing"),
    ("cli", "running", "__main__"),
)
CONTROL_PLANE = ("node", "registry", "discovery")
DATA_PLANE = (
    "balancing",
    "rpc",
    "worker",
    "client",
    "client_sync",
    "connect",
    "asgi",
    "discovery.view",
    "registry.client",
)
SLOW_TO_IMPORT = {"fastapi", "httpx", "hypothesis", "pydantic", "rich", "starlette", "structlog", "typer", "uvicorn"}
QUICK = ("contracts", "authoring", "rpc", "worker", "registry", "discovery", "balancing", "client", "connect")
INPUT_AND_OUTPUT = {"asyncio", "logging", "nats", "os", "select", "signal", "socket", "sqlite3", "subprocess", "time"}
INPUT_AND_OUTPUT |= {"threading", "uvloop"}
NEWER_STDLIB = {"annotationlib"}  # 3.14
BROUGHT_BY_USERS = {"anyio", "hypothesis", "pydantic", "pytest", "pytest_asyncio"}  # looked for, never required


@cache
def modules() -> list[str]:
    """All modules of the package by their name below ``homeport``: ``rpc.frames``."""
    return sorted(
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for path in PACKAGE.rglob("*.py")
        if path != PACKAGE / "__init__.py" and "templates" not in path.parts
    )


def file_of(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def imports(path: Path, *, at_import: bool = False) -> frozenset[str]:
    """Absolute names that a file imports; ``at_import`` leaves out what runs later or is there for type checkers."""
    return frozenset(_imports(ast.parse(path.read_text()), at_import))


def _imports(node: ast.AST, at_import: bool) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "Homeport imports itself by absolute names"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif at_import and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            if not at_import:
                yield from _imports(child, at_import)
            else:
                yield from _imports(ast.Module(child.orelse, []), at_import)
        else:
            yield from _imports(child, at_import)


def own_imports(module: str) -> set[str]:
    """Modules of Homeport that one of them imports, by their names below ``homeport``."""
    found = set()
    for name in imports(file_of(module)):
        parts = name.split(".")
        if parts[0] != "homeport":
            continue
        while len(parts) > 1 and not file_of(".".join(parts[1:])).exists():
            parts.pop()  # the last part is a name inside the module
        found.add(".".join(parts[1:]))
    return found - {""}


def roots_of(module: str, *, at_import: bool = False) -> set[str]:
    path = file_of(module)
    return {name.split(".")[0] for name in imports(path, at_import=at_import)} if path.exists() else set()


def level_of(module: str) -> int:
    head = module.split(".")[0]
    return next(level for level, heads in enumerate(LEVELS) if head in heads)


def is_wire(module: str) -> bool:
    """Structs that both sides of a process boundary know."""
    return module.endswith(".api") or module in (
        "build.plan",
        "build.diagnostics.finding",
        "worker.settings",
        "balancing.policy",
    )


def within(module: str, *places: str) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_imports_go_one_way() -> None:
    assert not {
        f"{module} imports {name}, a level above"
        for module in modules()
        for name in own_imports(module)
        if level_of(name) > level_of(module) and not is_wire(name)
    }


def test_worker_node_and_front_know_only_each_others_wire_structs() -> None:
    sides = ("worker", "node", "http")
    assert not {
        f"{module} imports {name}"
        for side in sides
        for module in modules()
        if within(module, side)
        for name in own_imports(module)
        if within(name, *sides) and not within(name, side) and not is_wire(name)
    }


def test_the_data_plane_never_imports_the_control_plane() -> None:
    assert not {
        f"{module} imports {name}"
        for module in modules()
        if within(module, *DATA_PLANE)
        for name in own_imports(module)
        if within(name, *CONTROL_PLANE) and not is_wire(name) and not within(name, *DATA_PLANE)
    }


def test_what_decides_does_no_io() -> None:
    wrong = {
        module: roots_of(module, at_import=True) & INPUT_AND_OUTPUT
        for module in column(1)  # "decides (pure)"
    }
    assert not {module: roots for module, roots in wrong.items() if roots}


def test_the_architecture_names_modules_that_exist() -> None:
    named = {module for number in (1, 2, 3) for module in column(number)}
    assert len(named) > 20
    assert not {module for module in named if not file_of(module).exists()}


def test_what_every_worker_imports_is_quick_to_import() -> None:
    wrong = {
        module: roots_of(module, at_import=True) & SLOW_TO_IMPORT for module in modules() if within(module, *QUICK)
    }
    assert not {module: roots for module, roots in wrong.items() if roots}


def test_every_module_says_in_a_sentence_what_it_is() -> None:
    trees = {module: ast.parse(file_of(module).read_text()) for module in modules()}
    assert not {module for module, tree in trees.items() if tree.body and not ast.get_docstring(tree)}


def test_the_levels_name_every_part() -> None:
    assert {module.split(".")[0] for module in modules()} <= {head for heads in LEVELS for head in heads}


def test_only_the_standard_library_and_declared_dependencies_are_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    named = [*project["dependencies"], *(name for extra in extras for name in extra)]
    declared = {re.split(r"[^\w-]", name)[0].replace("-", "_").lower() for name in named}
    declared |= {"cyclonedx", "dotenv", "grpc", "homeport", "packageurl"}  # other names than their projects have
    wrong = {
        module: roots_of(module) - declared - BROUGHT_BY_USERS - sys.stdlib_module_names - NEWER_STDLIB
        for module in modules()
    }
    assert not {module: roots for module, roots in wrong.items() if roots}


def column(number: int) -> list[str]:
    """The modules that a column of the table in docs/architecture.md names, by their names below ``homeport``."""
    found = []
    for line in (ROOT / "docs" / "architecture.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and (PACKAGE / cells[0]).is_dir():
            for name in re.findall(r"`([\w/]+)\.py`", cells[number]):
                below_package = "/" in name and (PACKAGE / name.split("/")[0]).is_dir()
                found.append((name if below_package else f"{cells[0]}/{name}").replace("/", "."))
    return found
