"""Which revision of the source an artefact is made of, as its version control says."""

from __future__ import annotations

import subprocess
from pathlib import Path

_PATIENCE = 10.0  # seconds


def source_revision(folder: Path) -> str:
    """``v1.2-3-gab12cd3``, with ``-dirty`` when files differ from it; "" when nothing tells."""
    described = _git(folder, "describe", "--always", "--tags", "--dirty", "--abbrev=12")
    if described and not described.endswith("-dirty") and _git(folder, "status", "--porcelain", "--", "."):
        return f"{described}-dirty"  # files that git does not know yet are part of the artefact, too
    return described or _commit(folder)


def source_time(folder: Path) -> int:
    """Seconds since 1970 of the last commit; 0 when nothing tells."""
    time = _git(folder, "log", "-1", "--format=%ct")
    return int(time) if time.isdigit() else 0


def _commit(folder: Path) -> str:
    """The commit that is checked out, read from git's own files: small images have no git."""
    for above in (folder, *folder.parents):
        try:
            head = (above / ".git" / "HEAD").read_text().strip()
            if head.startswith("ref: "):
                head = _ref(above / ".git", head.removeprefix("ref: "))
            return head[:12] if len(head) >= 40 else ""
        except OSError:
            continue
    return ""


def _ref(git: Path, name: str) -> str:
    own = git / name
    if own.is_file():
        return own.read_text().strip()
    packed = (git / "packed-refs").read_text().splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")


def _git(folder: Path, *words: str) -> str:
    try:
        asked = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
