"""A folder as one executable file: a start in ``sh``, then the folder, which is unpacked at the first start."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from homeport.build.packager.unpacking import CHOOSE_ROOT, COULD_NOT_UNPACK
from homeport.unpacked import MARK

_TIME = 315532800  # of every file: the contents alone decide the bytes
_DIGITS = 6


def self_extracting(folder: Path, target: Path, *, name: str, kept: str) -> None:
    """Write ``target``, which runs the program ``name`` of the folder.

    ``kept`` is the name of the folder that is made for this version where it unpacks itself.
    """
    header = _header(name, kept)
    with target.open("wb") as file:
        file.write(header)
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6) as packed:
            _pack(folder, packed)
    target.chmod(0o755)


def _pack(folder: Path, packed: gzip.GzipFile) -> None:
    with tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            entry = archive.gettarinfo(path, arcname=path.relative_to(folder).as_posix())
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = _TIME
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            with path.open("rb") if entry.isreg() else io.BytesIO() as content:
                archive.addfile(entry, content if entry.isreg() else None)


def _header(name: str, kept: str) -> bytes:
    """The start, which knows its own length."""
    text = "#!/bin/sh\n" + CHOOSE_ROOT + _START.replace("@name@", name).replace("@kept@", kept).replace("@mark@", MARK)
    text = text.replace("@could_not_unpack@", COULD_NOT_UNPACK)
    length = len(text.replace("@begin@", "0" * _DIGITS).encode())
    return text.replace("@begin@", f"{length + 1:0{_DIGITS}}").encode()


# `mv` onto a folder that another process has made meanwhile puts ours inside it: wasteful, never wrong.
_START = """\
name='@name@' kept="$root/@kept@"
if [ ! -x "$kept/$name" ]; then
    if fresh=$(mktemp -d "$root/.fresh.XXXXXX" 2>&1); then
        if why=$(tail -c "+@begin@" "$0" | tar -xzf - -C "$fresh" 2>&1); then
            : >"$fresh/@mark@"
            [ -d "$kept" ] || mv "$fresh" "$kept"
        fi
        rm -rf "$fresh"
    else
        why=$fresh
    fi
fi
if [ ! -x "$kept/$name" ]; then
    why="${why%%
*}"
@could_not_unpack@fi
exec "$kept/$name" "$@"
"""
