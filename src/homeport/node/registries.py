"""The built registries beside the releases: what workers start from."""

from __future__ import annotations

from pathlib import Path

from homeport.build.generator.registry import built_registry
from homeport.build.plan import Plan
from homeport.node.application import Edition
from homeport.nodes import write_private


class Registries:
    """Sees to it that the registry beside a release is that of the edition in force."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Edition, object]] = {}  # by release; with what tells its file from another

    def keep(self, edition: Edition) -> None:
        """Write it, unless it is there.

        Raises:
            OSError: there is no room.
        """
        path = edition.release.registry
        kept, identity = self._kept.get(edition.release.id, (None, None))
        if kept is edition and identity == _identity(path):
            return
        content = edition.registry or registry_of(edition.plan, edition.release.id)
        if _content(path) != content:
            write_private(path, content)
        self._kept[edition.release.id] = edition, _identity(path)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _identity(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def registry_of(plan: Plan, release: str) -> bytes:
    """The registry file of a plan whose services nobody has imported yet."""
    return built_registry(plan, source=release).to_bytes()
