"""The built registries beside the releases: what workers start from."""

from __future__ import annotations

import contextlib

from homeport.build.generator.registry import built_registry
from homeport.build.plan import Plan
from homeport.node.application import Edition
from homeport.nodes import write_private


class Registries:
    """Sees to it that the registry beside a release is that of the edition in force."""

    def __init__(self) -> None:
        self._kept: dict[str, Edition] = {}

    def keep(self, edition: Edition) -> None:
        """Write it, unless it is there.

        Raises:
            OSError: there is no room.
        """
        path = edition.release.registry
        if self._kept.get(edition.release.id) is edition and path.exists():
            return
        content = edition.registry or registry_of(edition.plan, edition.release.id)
        with contextlib.suppress(OSError):
            if path.read_bytes() == content:
                self._kept[edition.release.id] = edition
                return
        write_private(path, content)
        self._kept[edition.release.id] = edition


def registry_of(plan: Plan, release: str) -> bytes:
    """The registry file of a plan whose services nobody has imported yet."""
    return built_registry(plan, source=release).to_bytes()
