"""A folder as one executable file: a start in ``sh``, then the folder, which is unpacked at the first start."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

_TIME = 315532800  # of every file: the contents alone decide the bytes
_DIGITS = 6


def self_extracting(folder: Path, target: Path, *, name: str, digest: str) -> None:
    """Write ``target``, which runs the program ``name`` of the folder; ``digest`` tells its contents from others."""
    header = _header(name, digest)
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


def _header(name: str, digest: str) -> bytes:
    """The start, which knows its own length."""
    length = len(_START.format(name=name, digest=digest[:16], begin="0" * _DIGITS).encode())
    return _START.format(name=name, digest=digest[:16], begin=f"{length + 1:0{_DIGITS}}").encode()


# `mv` onto a folder that another process has made meanwhile puts ours inside it: wasteful, never wrong. A folder below
# /tmp could have been made by somebody else, whose program we would run: it must be ours.
_START = """\
#!/bin/sh
name='{name}' kept='{name}-{digest}' begin={begin}
tried=''

run_from() {{
    root=$1
    shift
    case "$root" in /*) ;; *) return 0 ;; esac
    tried="$tried $root"
    if [ -L "$root" ] && [ ! -d "$root/." ]; then return 0; fi
    if [ -d "$root" ]; then [ -O "$root" ] || return 0; else mkdir -p "$root" 2>/dev/null || return 0; fi
    if [ ! -x "$root/$kept/$name" ]; then
        fresh=$(mktemp -d "$root/.$kept.XXXXXX" 2>/dev/null) || return 0
        if tail -c "+$begin" "$file" | tar -xzf - -C "$fresh" 2>/dev/null && [ -x "$fresh/$name" ]; then
            [ -d "$root/$kept" ] || mv "$fresh" "$root/$kept"
        fi
        rm -rf "$fresh"
    fi
    if [ -x "$root/$kept/$name" ] && [ -O "$root/$kept" ]; then exec "$root/$kept/$name" "$@"; fi
}}

file=$0
if [ -n "${{HOMEPORT_ROOT:-}}" ]; then
    run_from "$HOMEPORT_ROOT" "$@"
else
    [ -n "${{XDG_CACHE_HOME:-}}" ] && run_from "$XDG_CACHE_HOME/homeport/binaries" "$@"
    [ -n "${{HOME:-}}" ] && run_from "$HOME/.cache/homeport/binaries" "$@"
    umask 077
    run_from "${{TMPDIR:-/tmp}}/homeport-binaries-$(id -u)" "$@"
fi
echo "error: $name cannot unpack itself into any of:$tried" >&2
echo "  they must be yours, have room, and allow programs to run; name another folder: HOMEPORT_ROOT=FOLDER $0" >&2
exit 1
"""
