"""Checks of the machine: Python, libraries, disk, clock, limits. No node is needed."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.cli.commands.version import library_version
from homeport.cli.doctor.finding import Checked, ill, warning, well
from homeport.cli.human import duration, memory

if TYPE_CHECKING:
    from homeport.packaged import Package

OLDEST_PYTHON = (3, 11)
LITTLE_DISK = 500_000_000  # bytes; a release copy and rotated logs want some room
NO_DISK = 50_000_000
FEW_FILES = 1024  # descriptors; each caller of a worker holds one
CLOCK_SKEW = 2.0  # seconds between the clock here and the one that stamps files
OLDEST_TIME = 1_735_689_600.0  # 2025-01-01; a clock before it was never set


def check_python(package: Package | None = None) -> Checked:
    version = platform.python_version()
    if package is not None:
        return well("python", f"{version}, with the libraries of {package.manifest.name} at {package.folder.parent}")
    found = f"{version} at {sys.executable}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return ill("python", found, "install Python 3.11 or newer")
    if sys.prefix == sys.base_prefix:
        return warning("python", f"{found}, outside a virtual environment", "python -m venv .venv")
    return well("python", found)


def check_libraries(requirements: Iterable[str] | None = None) -> Checked:
    """Every library Homeport declares is installed, and new enough."""
    from importlib.metadata import PackageNotFoundError, requires

    if requirements is None:
        try:
            requirements = requires("homeport") or ()
        except PackageNotFoundError:
            return ill("libraries", "homeport itself is not installed", "python -m pip install homeport")
    wrong: list[str] = []
    count = 0
    for requirement in requirements:
        name, least, condition = _parsed(requirement)
        if not _applies(condition):
            continue
        count += 1
        installed = library_version(name)
        if not installed:
            wrong.append(f"{name} is missing")
        elif least and _numbers(installed) < _numbers(least):
            wrong.append(f"{name} {installed} is older than {least}")
    if wrong:
        return ill("libraries", "; ".join(wrong), "python -m pip install --upgrade homeport")
    return well("libraries", f"all {count} present")


def check_loop() -> Checked:
    """Whether the fast event loop is there."""
    found = library_version("uvloop")
    if not found:
        return warning("event loop", "asyncio's own; calls are slower", "python -m pip install uvloop")
    try:
        import uvloop  # noqa: F401 - it may be installed and yet not load
    except ImportError as error:
        return warning("event loop", f"uvloop {found} does not load: {error}", "python -m pip install -U uvloop")
    return well("event loop", f"uvloop {found}")


def check_descriptors() -> Checked:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < FEW_FILES:
        more = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
        return warning("open files", f"at most {soft} per process", f"ulimit -n {min(4096, hard)} (up to {more})")
    return well("open files", f"up to {'any number' if soft == resource.RLIM_INFINITY else soft} per process")


def check_disk(folder: Path) -> Checked:
    """Room where the node keeps its files."""
    place = next((above for above in (folder, *folder.parents) if above.is_dir()), Path("/"))
    free = shutil.disk_usage(place).free
    found = f"{memory(free) or 'nothing'} free at {place}"
    if free < NO_DISK:
        return ill("disk", found, f"free some space, or remove old releases in {folder / 'releases'}")
    if free < LITTLE_DISK:
        return warning("disk", found, f"free some space, or remove old releases in {folder / 'releases'}")
    return well("disk", found)


def check_clock(folder: Path) -> Checked:
    """The clock is set, and files are stamped by the same one (a network disk has its own)."""
    now = time.time()
    if now < OLDEST_TIME:
        return ill("clock", f"it says {time.strftime('%Y-%m-%d %H:%M', time.gmtime(now))} UTC", "set the clock")
    place = next((above for above in (folder, *folder.parents) if above.is_dir() and os.access(above, os.W_OK)), None)
    if place is not None:
        try:
            with tempfile.NamedTemporaryFile(dir=place, prefix=".clock-") as file:
                skew = Path(file.name).stat().st_mtime - time.time()
        except OSError:
            skew = 0.0
        if abs(skew) > CLOCK_SKEW:
            return warning(
                "clock",
                f"files in {place} are stamped {duration(abs(skew))} {'ahead' if skew > 0 else 'behind'}",
                "synchronise the clocks, or choose a local folder with --data",
            )
    return well("clock", time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(now)))


_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)[^>;]*(?:>=\s*(?P<least>[0-9.]+))?[^;]*(?:;(?P<condition>.*))?$")


def _parsed(requirement: str) -> tuple[str, str, str]:
    match = _REQUIREMENT.match(requirement.strip())
    if match is None:
        return requirement, "", ""
    return match["name"], match["least"] or "", (match["condition"] or "").strip()


def _applies(condition: str) -> bool:
    """Our own markers only: extras are not needed, uvloop is for CPython outside Windows."""
    if "extra" in condition:
        return False
    if "platform_python_implementation" in condition and platform.python_implementation() != "CPython":
        return False
    return not ("sys_platform" in condition and sys.platform == "win32")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
