"""Makes the one file that runs with a Python: a zip with a start in ``sh``, by pex."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from homeport.build.packager.site import PackagingFailed
from homeport.build.packager.unpacking import CHOOSE_ROOT, COULD_NOT_UNPACK
from homeport.unpacked import MARK

MODULE = "homeport.cli.packaged"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold


def make_zipapp(site: Path, target: Path, *, kept: str, shebang: str = "") -> None:
    """Turn the folder, with bytecode in it, into an executable file that unpacks itself once.

    ``kept`` is the name of the folder that is made for this version where it unpacks itself.
    ``shebang`` is the Python that starts it; else the first on the PATH that fits.

    Raises:
        PackagingFailed: pex is missing, or refuses.
    """
    if importlib.util.find_spec("pex") is None:
        raise PackagingFailed("pex is not installed, which makes artefacts; run `pip install 'homeport[build]'`")
    command = [
        sys.executable,
        "-P",
        "-m",
        "pex",
        "--sources-directory",
        str(site.resolve()),
        "--entry-point",
        f"{MODULE}:main",
    ]
    # A virtual environment is what the processes of a node start from, as in development; sh finds it in 2 ms.
    command += ["--venv", "prepend", "--sh-boot", "--interpreter-constraint", interpreter()]
    if shebang:
        command += ["--python-shebang", shebang]
    command += ["--output-file", str(target.resolve())]
    # It starts Pythons to see what they are, and those would import the application's `types.py` where it is run from.
    made = subprocess.run(
        command, capture_output=True, text=True, check=False, env=_environment(), cwd=site.resolve().parent
    )
    if made.returncode:
        raise PackagingFailed(f"pex could not make {target.name}: {made.stderr.strip() or made.stdout.strip()}")
    add_start(target, kept)
    add_bytecode(site, target)


def interpreter() -> str:
    """The constraint that only Pythons like this one fit: compiled libraries and bytecode are of its minor version."""
    implementation = {"cpython": "CPython", "pypy": "PyPy"}[sys.implementation.name]
    return f"{implementation}=={sys.version_info.major}.{sys.version_info.minor}.*"


def add_start(target: Path, kept: str) -> None:
    """Put a start of ours before that of pex, which goes on to unpack.

    pex would fall back to a folder that is removed when the command ends, while a node may run on; and at each start it
    writes a file beside what is unpacked, which may be read-only by then.
    """
    content = target.read_bytes()
    first, rest = content.split(b"\n", 1)
    unpacked = _UNPACKED.search(rest)
    if first != b"#!/bin/sh" or unpacked is None:
        raise PackagingFailed("pex made a start that is not as expected; install a pex from 2.70 on, below 3")
    start = _START.replace("@python@", ".".join(map(str, sys.version_info[:2])))
    start = start.replace("@module@", MODULE).replace("@kept@", kept).replace("@unpacked@", unpacked[1].decode())
    target.write_bytes(first + b"\n" + start.encode() + rest)


def add_bytecode(site: Path, target: Path) -> None:
    """pex leaves bytecode out, as it could differ from its source; ours is never compared with it.

    What is added also has the list of the zip written anew, with the places of all files behind our start.
    """
    with zipfile.ZipFile(target, "a") as file:
        for path in sorted(site.rglob("*.pyc")):
            entry = zipfile.ZipInfo(path.relative_to(site).as_posix(), _EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, path.read_bytes())


_UNPACKED = re.compile(rb'^INSTALLED_PEX="(\$\{PEX_ROOT\}/[\w./-]+)"$', re.MULTILINE)

# It calls itself once more, to have pex unpack: what pex says when it cannot is a traceback, or a text that helps. A
# folder that may not be written is one that pex would replace by a temporary one, which a detached node would lose. A
# folder whose Python is gone, as after an upgrade of that, is made anew. pex copies all from `user_code`, which is as
# large as what comes of it.
_START = f"""\
if [ -z "${{HOMEPORT_UNPACKING:-}}" ]; then
{CHOOSE_ROOT}PEX_ROOT="$root/@kept@"
there="@unpacked@"
if [ ! -x "$there/bin/python" ]; then
    ( mkdir -p "$PEX_ROOT" && : >>"$PEX_ROOT/{MARK}" ) 2>/dev/null
    if [ ! -d "$PEX_ROOT" ] || [ ! -w "$PEX_ROOT" ]; then
        why="it may not be written"
{COULD_NOT_UNPACK}    fi
    if [ -d "$there" ]; then rm -rf "$PEX_ROOT"/* 2>/dev/null; fi
    export PEX_ROOT
    if ! why=$(HOMEPORT_UNPACKING=1 PEX_INTERPRETER=1 sh "$0" -c '' 2>&1); then
        case $why in
            *Traceback*) why="${{why##*
}}" ;;
            *) echo "error: $0 needs a Python @python@ to start with" >&2; echo "$why" >&2; exit 1 ;;
        esac
{COULD_NOT_UNPACK}    fi
    if [ -x "$there/bin/python" ]; then rm -rf "$PEX_ROOT/user_code"; fi
fi
if [ -x "$there/bin/python" ]; then
    unset PEX_ROOT
    PATH="$there/bin:$PATH" exec "$there/bin/python" -I -m @module@ "$@"
fi
unset there root tried mask why
fi
"""


def _environment() -> dict[str, str]:
    """Without what would steer pex from outside: the same input is to give the same bytes."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PEX_")}
