"""What a TARGET on the command line means: which files to look through, and where imports start from."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from homeport.errors import UsageError, near_names

PROJECT_FILES = ("homeport.toml", "pyproject.toml", "setup.py", "setup.cfg")


class TargetPlace(msgspec.Struct, frozen=True):
    root: Path  # imports start here
    scope: Path  # the folder to look through, or the one file
    attribute: str = ""  # the class or app of that file that is meant, when only one is


def find_target(target: str, cwd: Path) -> TargetPlace:
    """The place of a folder, file, dotted module, ``module:Class`` or ``module:app``.

    Raises:
        UsageError: there is no such thing; the message lists what comes near.
    """
    named, colon, attribute = target.partition(":")
    if colon and not attribute:
        raise UsageError(f"{target!r} names nothing after the colon; write module:Class or module:app")
    place = _at_path(named or ".", cwd) or _at_module(named, cwd)
    if place is None:
        raise UsageError(_not_found(target, named, cwd))
    if not attribute:
        return place
    scope = place.scope / "__init__.py" if place.scope.is_dir() else place.scope
    if not scope.is_file():
        raise UsageError(f"{target!r}: {named} is a folder, not a module; name the file that holds {attribute}")
    return TargetPlace(place.root, scope, attribute)


def import_root(scope: Path) -> Path:
    """Where imports of the code at ``scope`` start.

    The folder that holds the outermost package around it; else its ``src/``, or the project's ``src/`` that it lies in;
    else the folder itself.
    """
    folder = scope if scope.is_dir() else scope.parent
    if _is_package(folder) or _is_package(folder.parent):
        top = folder if _is_package(folder) else folder.parent
        while _is_package(top.parent):
            top = top.parent
        return top.parent
    if scope.is_dir() and (folder / "src").is_dir():
        return folder / "src"
    return next((above for above in (folder, *folder.parents) if _is_project_src(above)), folder)


def _at_path(named: str, cwd: Path) -> TargetPlace | None:
    path = (cwd / Path(named).expanduser()).resolve()
    if path.is_file():
        if path.suffix != ".py":
            if os.access(path, os.X_OK):
                raise UsageError(f"{named} is no Python file; an artefact is a program itself: `{path} run`")
            raise UsageError(
                f"{named} is no Python file; give a folder, a .py file, a module, module:Class or module:app"
            )
        return TargetPlace(import_root(path), path)
    if not path.is_dir():
        return None
    root = import_root(path)
    return TargetPlace(root, root if root.is_relative_to(path) else path)


def _at_module(named: str, cwd: Path) -> TargetPlace | None:
    parts = named.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for root in (cwd.resolve(), cwd.resolve() / "src"):
        base = root.joinpath(*parts)
        if base.is_dir():
            return TargetPlace(root, base)
        file = base.with_name(f"{base.name}.py")
        if file.is_file():
            return TargetPlace(root, file)
    return None


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _is_project_src(folder: Path) -> bool:
    return folder.name == "src" and any((folder.parent / name).is_file() for name in PROJECT_FILES)


def _not_found(target: str, named: str, cwd: Path) -> str:
    here = [entry for entry in cwd.iterdir() if not entry.name.startswith(".")] if cwd.is_dir() else []
    candidates = [entry.name for entry in here if entry.is_dir() or entry.suffix == ".py"]
    near = near_names(named, [*candidates, *(name.removesuffix(".py") for name in candidates)])
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else "it may be a folder, a .py file, a module, module:Class or module:app"
    )
    return f"nothing called {target!r} in {cwd} (nor a module of that name in its src/); {hint}"
