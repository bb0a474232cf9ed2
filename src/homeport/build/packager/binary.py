"""Makes the one file that runs without a Python: PyInstaller's folder behind a start in ``sh`` that unpacks it once."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from homeport.build.packager.contents import Contents
from homeport.build.packager.selfextracting import self_extracting
from homeport.build.packager.site import PackagingFailed
from homeport.packaged import FOLDER, Manifest

NOT_RUN = ("homeport.testing", "homeport.build.packager")  # of Homeport; what they import is for developers
_SCRIPTS = ("console_scripts", "gui_scripts", "pytest11")  # commands of their own, and what is for tests
_EPOCH = "315532800"  # the time of every file, for those who ask for one


def make_binary(
    site: Path, target: Path, manifest: Manifest, contents: Contents, foreign: Sequence[str], work: Path
) -> None:
    """Turn the folder into an executable file; ``work`` is a folder to work in.

    ``foreign`` are heads of modules that are installed here and yet no part of the artefact.

    Raises:
        PackagingFailed: PyInstaller is missing, or refuses.
    """
    if importlib.util.find_spec("PyInstaller") is None:
        raise PackagingFailed(
            "PyInstaller is not installed, which makes executables; run `pip install 'homeport[build,binary]'`"
        )
    work.mkdir(parents=True, exist_ok=True)
    entry, spec = work / "start.py", work / "artefact.spec"
    entry.write_text(_ENTRY, encoding="utf-8")
    spec.write_text(_spec(site, entry, manifest.name, contents, foreign), encoding="utf-8")
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR"]
    command += ["--distpath", str(work / "made"), "--workpath", str(work / "temporary"), str(spec)]
    environment = {**os.environ, "PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": _EPOCH}
    made = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=work)
    if made.returncode:
        last = "\n".join(made.stderr.strip().splitlines()[-15:])
        raise PackagingFailed(f"PyInstaller could not make {manifest.name}: {last}")
    self_extracting(work / "made" / manifest.name, target, name=manifest.name, kept=manifest.version_folder)


def homeport_modules(site: Path) -> list[str]:
    """Those of Homeport that an artefact may run: it imports many only when it needs them."""
    names = []
    for path in sorted((site / "homeport").rglob("*.py")):
        parts = path.relative_to(site).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not any(name == skipped or name.startswith(f"{skipped}.") for skipped in NOT_RUN):
            names.append(name)
    return names


def plugin_modules(site: Path) -> list[str]:
    """Modules that libraries find by entry points, which nothing imports by name."""
    found = {
        point.module
        for library in distributions(path=[str(site)])
        for point in library.entry_points
        if point.group not in _SCRIPTS
    }
    return sorted(name for name in found if not name.startswith(NOT_RUN))


def _spec(site: Path, entry: Path, name: str, contents: Contents, foreign: Sequence[str]) -> str:
    metadata = [(str(folder), folder.name) for folder in sorted(site.glob("*.dist-info"))]
    assets = [
        (str(path), path.relative_to(site).parent.as_posix())
        for path in sorted((site / "homeport").rglob("*"))
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    return _SPEC.format(
        entry=str(entry),
        site=str(site),
        hidden=[*homeport_modules(site), *contents.modules, *plugin_modules(site)],
        whole=list(contents.whole),
        datas=[(str(site / FOLDER), FOLDER), *metadata, *assets],
        excludes=[*NOT_RUN, *foreign],
        name=name,
    )


_ENTRY = """\
import multiprocessing
import sys

multiprocessing.freeze_support()

from homeport.cli.packaged import main

sys.exit(main())
"""

_SPEC = """\
from pathlib import Path

from PyInstaller.utils.hooks import collect_submodules

hidden = {hidden!r} + collect_submodules("rich._unicode_data")
for package in {whole!r}:
    hidden += collect_submodules(package)

analysis = Analysis(
    [{entry!r}],
    pathex=[{site!r}],
    hiddenimports=hidden,
    datas={datas!r},
    excludes={excludes!r},
)
# Packages read files that lie among their modules; PyInstaller knows of those of well-known ones.
for head in sorted({{name.partition(".")[0] for name, *_ in analysis.pure}} - {{"homeport"}}):
    for path in sorted(Path({site!r}, head).rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc", ".so", ".pyi", ".pyx", ".pxd", ".c", ".h"):
            analysis.datas.append((str(path.relative_to({site!r})), str(path), "DATA"))
executable = EXE(PYZ(analysis.pure), analysis.scripts, [], exclude_binaries=True, name={name!r}, console=True)
COLLECT(executable, analysis.binaries, analysis.datas, name={name!r})
"""
