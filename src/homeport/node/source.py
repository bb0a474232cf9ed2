"""Reads the application as it stands: scanned, and copied into a release."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from homeport.build.application import scan
from homeport.node.application import Edition, checked
from homeport.node.registries import registry_of
from homeport.node.releases import Releases


class Source:
    """The source that TARGET names; the node process never imports it."""

    def __init__(self, target: str, cwd: Path, exclude: Sequence[str], releases: Releases) -> None:
        self._target, self._cwd, self._exclude, self._releases = target, cwd, tuple(exclude), releases

    def read(self) -> Edition:
        """What it is now.

        Raises:
            UsageError: there is no such target.
            ScanFailed: the source has errors.
            ReleaseFailed: it cannot be copied.
        """
        plan = checked(scan(self._target, self._cwd, self._exclude))
        release = self._releases.make(Path(plan.root), self._exclude)
        return Edition(plan=plan, release=release, registry=registry_of(plan, release.id))
