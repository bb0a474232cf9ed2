"""Where the program of an artefact begins: it is the command ``homeport``, with an application of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from homeport.program import PART

_STEERING = ("PYTHONHOME", "PYTHONPATH")
"""Meant for other programs of this machine: an artefact has its own libraries, and so have the processes it starts."""


def main() -> int:
    """Run one command, or be a process of the node; returns the exit code."""
    arguments = sys.argv[1:]
    for name in _STEERING:
        os.environ.pop(name, None)
    try:
        from homeport.packaged import own_package_folder
    except ImportError as error:
        return _refuse(why_not_loaded(error))
    folder = own_package_folder()
    refusal = why_not_here(folder)
    if refusal:
        return _refuse(refusal)
    from homeport.unpacked import hold_own

    if not hold_own():
        return _refuse(f"{folder} was removed just now, as newer versions are in use; start the file again")
    if arguments[:1] == [PART]:
        return _be_part(arguments[1], arguments[2:])
    return _command(folder, arguments)


def _command(folder: Path, arguments: list[str]) -> int:
    from homeport.cli.main import main as command
    from homeport.cli.outdated import remove_outdated
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.wording import Wording
    from homeport.packaged import read_package
    from homeport.unpacked import version_of

    package = read_package(folder)
    version = version_of(folder)
    if version is not None:
        remove_outdated(version)
    Wording.program = package.manifest.name
    return command(arguments, Surroundings(package=package))


def _be_part(module: str, arguments: list[str]) -> int:
    import runpy

    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def why_not_here(folder: Path) -> str:
    """Why this Python cannot run the artefact unpacked around ``folder``; "" when it can."""
    from homeport.packaged import MANIFEST, this_abi

    try:
        made: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        return f"{folder} is damaged ({error}): remove it and start the file again, which unpacks it anew"
    if made.get("abi") in ("", this_abi()):
        return ""
    here = ".".join(map(str, sys.version_info[:2]))
    return (
        f"{made.get('name')} was built for Python {made.get('python')} ({made.get('abi')}), and this is Python {here} "
        f"({this_abi()}); run it with the Python it was built for, or build it with this one"
    )


def why_not_loaded(error: ImportError) -> str:
    """What to do when a compiled library cannot be loaded from where the artefact was unpacked."""
    where = Path(__file__).parents[2]
    if "failed to map segment" in str(error) or "noexec" in str(error):
        return (
            f"the folder {where} is on a file system from which nothing may be run (noexec); "
            f"name another one: HOMEPORT_ROOT=/FOLDER {sys.argv[0]}"
        )
    return f"{error}; the libraries in {where} do not fit this Python or machine: build the artefact for it"


def _refuse(why: str) -> int:
    print(f"error: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
