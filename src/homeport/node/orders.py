"""What people order of versions: restart, deploy, go back; each becomes a rollout."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from homeport.build.plan import Plan
from homeport.config import Config
from homeport.errors import BadArguments, HomeportError, UnknownService, UsageError
from homeport.node import changeover
from homeport.node.api import Deploy, NodeSpec
from homeport.node.application import Edition, ScanFailed, together
from homeport.node.releases import Releases, differing
from homeport.node.reload import decide
from homeport.node.rolling import Rolling
from homeport.node.rollout import Pace, Rollout, Stage, Step, Version, go_back, promote
from homeport.node.source import Source


class Orders:
    """Turns orders into rollouts. Errors: those of ``Rolling.begin``."""

    def __init__(self, spec: NodeSpec, rolling: Rolling, source: Source, releases: Releases) -> None:
        self._spec, self._rolling, self._source, self._releases = spec, rolling, source, releases
        self._config: Config = spec.config

    async def restart(self, service: str, surge: int, soak: float, actor: str) -> Rollout:
        """Start every instance of the service afresh, with the code it has.

        Raises:
            UnknownService: the application has no such service.
        """
        standing = self._rolling.standing
        if service not in standing.versions:
            raise UnknownService(service, sorted(standing.versions))
        plan = self._rolling.edition.plan
        services = together({service}, plan, self._config.node.layout) & set(standing.versions)
        after = {name: Version(standing.versions[name].release, self._number) for name in services}
        return await self._begin("restart", actor, plan, after, self._pace(surge, soak))

    async def deploy(self, request: Deploy) -> Rollout:
        """Make a release of the target as it is now, and have what it changes take over.

        Raises:
            UsageError: there is no such target, or its source has errors.
            ReleaseFailed: it cannot be copied.
        """
        if self._spec.reload:
            raise UsageError("this node runs with --reload: it takes in every change by itself")
        if not 0.0 <= request.share < 1.0:
            raise BadArguments(f"share: {request.share:g} is not a share from 0 to below 1")
        pace = msgspec.structs.replace(self._pace(request.surge, request.soak), share=request.share)
        source = Source(request.target, Path(request.cwd), self._config, self._releases)
        try:
            edition = await asyncio.to_thread(source.read)
        except ScanFailed as error:
            raise UsageError(f"the source has errors, so nothing was deployed\n{error}") from error
        own = await self._own_source(request, edition)
        changed = await asyncio.to_thread(self._changed_by, edition)
        after = dict.fromkeys(changed, Version(edition.release.id, self._number))
        gone = self._rolling.standing.versions.keys() - {service.name for service in edition.plan.services}
        return await self._begin(
            "deploy", request.actor, edition.plan, after, pace, gone, edition, own, request.target, request.force
        )

    async def promote(self, actor: str) -> Rollout:
        """Let what is on trial replace all.

        Raises:
            UsageError: nothing is on trial.
        """
        going = self._rolling.going
        if going is None or going.stage is not Stage.HOLDING:
            raise UsageError("nothing is on trial; see `homeport deploy status`")
        await self._rolling.change(promote)
        return self._last()

    async def roll_back(self, surge: int, soak: float, actor: str) -> Rollout:
        """Give up the rollout that runs; without one, deploy what ran before the last deploy.

        Raises:
            UsageError: there is nothing to go back to.
        """
        if self._rolling.going is not None:
            await self._rolling.change(lambda rollout: go_back(rollout, f"rolled back by {actor}"))
            return self._last()
        standing = self._rolling.standing
        if not standing.previous:
            raise UsageError("nothing has been deployed since this node began, so there is nothing to go back to")
        edition = self._rolling.edition_of(standing.previous_latest)
        after = {
            name: Version(version.release, self._number)
            for name, version in standing.previous.items()
            if standing.versions.get(name, Version("")).release != version.release
        }
        gone = standing.versions.keys() - standing.previous.keys()
        return await self._begin("rollback", actor, edition.plan, after, self._pace(surge, soak), gone, edition)

    async def reload(self, edition: Edition, fresh: Collection[str], actor: str) -> str:
        """Have ``fresh`` services run the edition, all at once and unobserved; why that failed, or empty."""
        plan, standing = edition.plan, self._rolling.standing
        gone = standing.versions.keys() - {service.name for service in plan.services}
        after = dict.fromkeys(fresh, Version(edition.release.id, self._number))
        pace = msgspec.structs.replace(self._pace(1, 0.0), surge=None)
        steps = changeover.at_once(self._rolling.edition.plan, plan, {*fresh, *gone})
        rollout = self._rollout("reload", actor, after, gone, steps, pace, edition)
        await self._rolling.begin(rollout, edition, edition.release.id)
        return await self._rolling.settled(rollout.id)

    # -- making rollouts -----------------------------------------------------------------------------------------------

    @property
    def _number(self) -> int:
        return self._rolling.standing.number + 1

    def _pace(self, surge: int, soak: float) -> Pace:
        if surge < 1:
            raise BadArguments(f"surge: {surge} instances at a time would never get anywhere; give 1 or more")
        return Pace(surge=surge, soak=soak, ready_within=self._config.node.ready_timeout)

    async def _begin(
        self,
        kind: str,
        actor: str,
        plan: Plan,
        after: Mapping[str, Version],
        pace: Pace,
        gone: Collection[str] = (),
        edition: Edition | None = None,
        source: str = "",
        target: str = "",
        force: bool = False,
    ) -> Rollout:
        layout = self._config.node.layout
        steps = changeover.steps(self._rolling.edition.plan, plan, {*after, *gone}, layout)
        rollout = self._rollout(kind, actor, after, gone, steps, pace, edition, target, force)
        await self._rolling.begin(rollout, edition, source)
        return self._last()

    def _rollout(
        self,
        kind: str,
        actor: str,
        after: Mapping[str, Version],
        gone: Collection[str],
        steps: tuple[Step, ...],
        pace: Pace,
        edition: Edition | None,
        target: str = "",
        force: bool = False,
    ) -> Rollout:
        versions = self._rolling.standing.versions
        return Rollout(
            id=f"{kind}-{self._number}",
            kind=kind,
            actor=actor,
            release=edition.release.id if edition is not None else "",
            target=target,
            before={name: versions[name] for name in {*after, *gone} if name in versions},
            after=dict(after),
            steps=steps,
            pace=pace,
            force=force,
            trial=pace.share > 0,
        )

    def _changed_by(self, edition: Edition) -> set[str]:
        """The services whose code, or what the scan says of them, differs from what they run now."""
        layout, versions = self._config.node.layout, self._rolling.standing.versions
        changed = {service.name for service in edition.plan.services if service.name not in versions}
        for release in {version.release for version in versions.values()}:
            running = self._rolling.edition_of(release)
            if running.release.program != edition.release.program:  # other libraries change every service
                return {service.name for service in edition.plan.services}
            paths = differing(running.release.root, edition.release.root)
            touched = decide(running.plan, edition.plan, paths, layout).changed
            changed |= {name for name in touched if name in versions and versions[name].release == release}
        return together(changed, edition.plan, layout)

    async def _own_source(self, request: Deploy, edition: Edition) -> str:
        """Release of what `homeport run` was told to run, as it is now; empty when it cannot be read."""
        if _place(request) == _place(self._spec):
            return edition.release.id
        try:
            return (await asyncio.to_thread(self._source.read)).release.id
        except HomeportError:
            return ""

    def _last(self) -> Rollout:
        rollout = self._rolling.rollout
        if rollout is None:
            raise UsageError("there has been no rollout")
        return rollout


def _place(named: Deploy | NodeSpec) -> str:
    return os.path.realpath(os.path.join(named.cwd, named.target))
