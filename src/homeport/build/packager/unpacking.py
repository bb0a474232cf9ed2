"""The beginning of every artefact, in ``sh``: chooses the folder that it unpacks itself into, for good."""

from __future__ import annotations

VARIABLE = "HOMEPORT_ROOT"
"""Names the folder, when none of the usual ones will do."""

# A mark in the folder tells that it has been tried. One below /tmp could have been made by somebody else, whose
# programs we would then run: it must be ours. Nothing may be run from some file systems (noexec), which -x tells. One
# that was asked for may be read-only by now, as in a container whose image has all unpacked.
CHOOSE_ROOT = """\
tried='' root=''
usable() {
    [ -n "$1" ] || return 1
    tried="$tried $1"
    case "$1" in /*) ;; *) return 1 ;; esac
    if [ -e "$1/.runs" ] && { [ -n "${2:-}" ] || { [ -O "$1" ] && [ -w "$1" ]; }; }; then root=$1; return 0; fi
    mkdir -p "$1" 2>/dev/null
    if [ -d "$1" ] && [ -O "$1" ] && [ -w "$1" ] && : >"$1/.runs"; then
        chmod 700 "$1/.runs"
        if [ -x "$1/.runs" ]; then root=$1; return 0; fi
        rm -f "$1/.runs"
    fi
    return 1
}
if [ -n "${HOMEPORT_ROOT:-}" ]; then
    usable "$HOMEPORT_ROOT" asked
else
    usable "${XDG_CACHE_HOME:+$XDG_CACHE_HOME/homeport/unpacked}" ||
        usable "${HOME:+$HOME/.cache/homeport/unpacked}" ||
        { mask=$(umask); umask 077; usable "${TMPDIR:-/tmp}/homeport-unpacked-$(id -u)"; umask "$mask"; }
fi
if [ -z "$root" ]; then
    echo "error: $0 cannot unpack itself into any of:$tried" >&2
    echo "  a folder must be yours, and let you write files and run programs; name one: HOMEPORT_ROOT=/FOLDER $0" >&2
    exit 1
fi
"""

# One line of what a tool said stands for all: a full disk fails for every file.
COULD_NOT_UNPACK = """\
        echo "error: $0 could not be unpacked into $root: $why" >&2
        echo "  make room there, or name another folder: HOMEPORT_ROOT=/FOLDER $0" >&2
        exit 1
"""
