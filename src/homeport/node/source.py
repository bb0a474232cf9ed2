"""Reads the application as it stands: scanned and copied into a release, or packaged as it was built."""

from __future__ import annotations

from pathlib import Path

from homeport.build.application import scan
from homeport.build.diagnostics.checking import settled
from homeport.build.plan import Plan, tops_of
from homeport.build.scanner.targets import PROJECT_FILES
from homeport.config import Config
from homeport.node.application import Edition, checked
from homeport.node.packages import edition_of, packaged_at
from homeport.node.registries import registry_of
from homeport.node.releases import Releases


class Source:
    """The source that TARGET names; the node process never imports it."""

    def __init__(self, target: str, cwd: Path, config: Config, releases: Releases) -> None:
        self._target, self._cwd, self._config, self._releases = target, cwd, config, releases

    def read(self) -> Edition:
        """What it is now.

        Raises:
            UsageError: there is no such target.
            ScanFailed: the source has errors that nothing silences.
            ReleaseFailed: it cannot be copied.
        """
        package = packaged_at(self._target, self._cwd)
        if package is not None:
            return edition_of(package, self._releases.folder)
        exclude = self._config.node.exclude
        cache = self._releases.folder.parent / "cache"
        scanned = scan(self._target, self._cwd, exclude, markers=self._config.build.markers, cache=cache)
        plan = checked(settled(scanned, self._config.check))
        release = self._releases.make(Path(plan.root), exclude, None if _is_project(plan) else tops_of(plan))
        return Edition(plan=plan, release=release, registry=registry_of(plan, release.id))


def _is_project(plan: Plan) -> bool:
    """Whether all that is in the import root belongs together.

    It does not when that is just the folder in which a package lies, such as a home.
    """
    root = Path(plan.root)
    if not plan.scope or not (root / plan.scope).is_dir():
        return True
    return any((folder / name).is_file() for folder in (root, *root.parents) for name in PROJECT_FILES)
