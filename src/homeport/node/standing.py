"""Which version of each service is in force, and the rollout that changes it: kept for the next node process."""

from __future__ import annotations

from pathlib import Path

import msgspec

from homeport.build.plan import Plan
from homeport.node.application import Edition
from homeport.node.packages import kept_release
from homeport.node.rollout import Rollout, Version
from homeport.nodes import write_private


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What earlier decisions amount to."""

    source: str = ""  # release of the application's own source when this was decided
    latest: str = ""  # release whose plan is in force
    versions: dict[str, Version] = {}
    plans: dict[str, Plan] = {}  # of every release that is spoken of here
    previous: dict[str, Version] = {}  # what ran before the last deploy; empty: there was none
    previous_latest: str = ""
    rollout: Rollout | None = None  # the last one, over or not
    number: int = 0  # of rollouts so far
    fence: int = 0  # the last token handed to a singleton

    def releases(self) -> set[str]:
        """Those whose copies must not go."""
        rollout = self.rollout
        going = [*rollout.before.values(), *rollout.after.values()] if rollout is not None and not rollout.over else []
        spoken = {version.release for version in (*self.versions.values(), *self.previous.values(), *going)}
        spoken |= {self.latest, self.previous_latest, rollout.release if rollout is not None else ""}
        return spoken - {""}


class StandingFile:
    """The one place where it is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Standing | None:
        """What was kept; ``None`` when there is nothing that can be understood."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Standing)
        except (OSError, msgspec.DecodeError):
            return None

    def keep(self, standing: Standing) -> None:
        """Replace what was kept; on return it would survive power loss.

        Raises:
            OSError: it could not be kept; what was kept before still is.
        """
        plans = {release: plan for release, plan in standing.plans.items() if release in standing.releases()}
        write_private(self._path, msgspec.json.encode(msgspec.structs.replace(standing, plans=plans)), synced=True)


def resumed(kept: Standing | None, source: Edition, releases: Path) -> tuple[Standing, dict[str, Edition]]:
    """What stands at the start of a node process: what stood before, unless the source says something new."""
    current = source.release.id
    if kept is not None and kept.source == current and all((releases / name).is_dir() for name in kept.releases()):
        editions = {name: Edition(plan=plan, release=kept_release(releases, name)) for name, plan in kept.plans.items()}
        if kept.latest in editions:
            return kept, {**editions, current: source}
    versions = {service.name: Version(current) for service in source.plan.services}
    number, fence = (kept.number, kept.fence) if kept is not None else (0, 0)
    fresh = Standing(
        source=current, latest=current, versions=versions, plans={current: source.plan}, number=number, fence=fence
    )
    return fresh, {current: source}
