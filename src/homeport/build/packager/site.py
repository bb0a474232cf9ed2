"""Lays out the folder that becomes an artefact: libraries, Homeport, the application, and bytecode of all."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import Distribution
from pathlib import Path

import homeport
from homeport.build.packager.contents import Contents
from homeport.build.packager.environment import Environment
from homeport.errors import HomeportError
from homeport.packaged import APP, FOLDER

_COMPILERS = 4  # always as many: which process compiles what is part of what decides the bytes


class PackagingFailed(HomeportError):
    """An artefact could not be made."""


def lay_out(site: Path, contents: Contents, environment: Environment) -> None:
    """Copy everything below ``site``, in the arrangement of ``site-packages``.

    Raises:
        PackagingFailed: a file cannot be copied.
    """
    try:
        for name in contents.distributions:
            _copy_distribution(site, name, environment)
        for loose in contents.loose:
            _copy_loose(site, loose)
        for file in contents.files:
            _copy(contents.root / file, site / FOLDER / APP / file)
    except OSError as error:
        raise PackagingFailed(f"cannot copy {error.filename}: {error.strerror or error}") from error


def _copy_distribution(site: Path, name: str, environment: Environment) -> None:
    copied = {path: _copy(source, site / path) for path, source in environment.files(name)}
    found = environment.distribution(name)
    if name == "homeport" and found is not None:
        if "homeport/__init__.py" not in copied:
            _copy_loose(site, Path(homeport.__file__).parent)
        _write_metadata(site, found)


def _write_metadata(site: Path, found: Distribution) -> None:
    """An editable installation has metadata, but lists no files."""
    folder = site / f"homeport-{found.version}.dist-info"
    for name in ("METADATA", "entry_points.txt"):
        content = found.read_text(name)
        if content is not None and not (folder / name).exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(content, encoding="utf-8")


def _copy_loose(site: Path, source: Path) -> None:
    if source.is_file():
        _copy(source, site / source.name)
        return
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    shutil.copytree(source, site / source.name, ignore=ignored, dirs_exist_ok=True)


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(source, target))


def write_own(site: Path, files: Mapping[str, bytes]) -> None:
    """Write what is made for the artefact, by name below its own folder."""
    folder = site / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def digest_of(site: Path, leave_out: Collection[str] = ()) -> str:
    """64 hex digits over the names and contents of all files but bytecode and ``leave_out``."""
    total = hashlib.sha256()
    for path, file in sorted((file.relative_to(site).as_posix(), file) for file in site.rglob("*") if file.is_file()):
        if path not in leave_out and not path.endswith(".pyc"):
            content = hashlib.sha256(file.read_bytes()).digest()
            total.update(path.encode(errors="surrogateescape") + b"\0" + content)
    return total.hexdigest()


def compile_all(site: Path) -> None:
    """Write bytecode that is never compared with its source, which does not change in an artefact.

    The same sources give the same bytes: each process compiles the same files in the same order. A file that cannot be
    compiled, as libraries have some for other Pythons, is left as it is.
    """
    sources = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.py"))
    parts = [_compiling(site, sources[number::_COMPILERS]) for number in range(_COMPILERS)]
    for process in parts:
        process.wait()


def _compiling(site: Path, sources: Iterable[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _COMPILE], cwd=site, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    with process.stdin as names:
        names.write("\0".join(sources))
    return process


_COMPILE = """
import py_compile, sys
for name in sys.stdin.read().split("\\0"):
    try:
        py_compile.compile(name, dfile=name, doraise=True, quiet=2,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except (py_compile.PyCompileError, OSError, ValueError):
        pass
"""
