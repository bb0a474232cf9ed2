"""Replaces, on a change of the source, the workers that import what changed; on an error the old code keeps running."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from homeport.build.plan import Plan, PlannedService
from homeport.build.scanner.exclusion import Exclusion
from homeport.config_sources import SETTINGS_FILES
from homeport.errors import HomeportError
from homeport.node.application import Edition, together

log = logging.getLogger("homeport.node")


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of the source means for the services."""

    changed: frozenset[str]  # run their new code
    added: frozenset[str]
    removed: frozenset[str]

    @property
    def empty(self) -> bool:
        return not (self.changed or self.added or self.removed)


def decide(before: Plan, after: Plan, paths: Collection[str], layout: str) -> Replacement:
    """Which services a change of ``paths`` (relative to the import root) touches.

    A Python file touches what imports it, directly or not, before or after the change; any other file touches what has
    Python files in the nearest folder around it. A change of what the scan says of a service touches it as well.
    """
    old = {service.name: service for service in before.services}
    new = {service.name: service for service in after.services}
    touched = {path for path in paths if path.endswith(".py")}
    folders = {_folder(file) for service in (*before.services, *after.services) for file in _files(service)}
    around = {_nearest(path, folders) for path in paths if not path.endswith(".py")}
    changed = {
        name
        for name in old.keys() & new.keys()
        if _fingerprint(old[name]) != _fingerprint(new[name])
        or any(file in touched or _folder(file) in around for file in (*_files(old[name]), *_files(new[name])))
    }
    return Replacement(
        changed=frozenset(together(changed, after, layout) & old.keys() & new.keys()),
        added=frozenset(new.keys() - old.keys()),
        removed=frozenset(old.keys() - new.keys()),
    )


def _files(service: PlannedService) -> tuple[str, ...]:
    return (*service.files, service.location.path)


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _nearest(path: str, folders: Collection[str]) -> str | None:
    return next((str(above) for above in PurePosixPath(path).parents if str(above) in folders), None)


def _fingerprint(service: PlannedService) -> tuple[object, ...]:
    """What a worker is told of the service, but for line numbers, which move with any edit above."""
    return (
        service.location.module,
        service.location.qualname,
        service.kind,
        service.version,
        service.isolated,
        service.singleton,
        service.public,
        tuple((d.attribute, d.service, d.optional, d.timeout, d.parameter) for d in service.dependencies),
    )


class Host(Protocol):
    """The node process, as far as a reload needs it."""

    async def read_source(self) -> Edition:
        """Scan the source as it is now and make a release of it.

        Raises:
            HomeportError: the source has errors, or cannot be copied.
        """

    async def reload(self, edition: Edition, fresh: Collection[str]) -> str:
        """Run the services of the edition's plan, those that are ``fresh`` in its release.

        Returns when all are ready, or with the reason why what ran before runs again. Another call overtakes it.

        Raises:
            HomeportError: nothing can be changed at present.
        """


class Reloader:
    """Tries every change of the source; one that fails leaves what last worked running."""

    def __init__(self, host: Host, edition: Edition, layout: str) -> None:
        self._host, self._layout = host, layout
        self._good = edition
        self._pending: list[set[str]] = []  # changes since the good edition
        self.error = ""  # why the newest source is not running
        self._stopped = False

    def stop(self) -> None:
        """Change nothing any more: the node is ending."""
        self._stopped = True

    async def run(self, source: AsyncIterator[set[str]]) -> None:
        """Follow the changes of ``source`` until it ends, or until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            settling: asyncio.Task[None] | None = None
            async for batch in source:
                self._pending.append(batch)
                try:
                    edition = await self._host.read_source()
                except HomeportError as error:
                    self._fail("reload.refused", str(error))
                    continue
                if self._stopped:
                    return
                if settling is not None:
                    settling.cancel()
                settling = tasks.create_task(self._try(edition), name=f"reload.{edition.release.id}")

    async def _try(self, edition: Edition) -> None:
        batches = len(self._pending)
        if edition.release.id == self._good.release.id:  # the source is again what runs
            fresh: frozenset[str] = frozenset()
        else:
            replacement = decide(self._good.plan, edition.plan, set().union(*self._pending), self._layout)
            fresh = replacement.changed | replacement.added
        log.info("reload.started", extra={"release": edition.release.id, "services": sorted(fresh)})
        try:
            error = await self._host.reload(edition, fresh)
        except HomeportError as refusal:
            error = str(refusal)
        if error:
            self._fail("reload.failed", error)
            return
        self._good = edition
        del self._pending[:batches]
        self.error = ""
        log.info("reload.done", extra={"release": edition.release.id})

    def _fail(self, event: str, error: str) -> None:
        self.error = error
        log.error(event, extra={"error": error})


async def changes(root: Path, exclude: Sequence[str]) -> AsyncIterator[set[str]]:
    """Sets of changed files below ``root``, relative to it, each a short while after the last change.

    Settings are not among them: a node keeps those it was started with.
    """
    from watchfiles import Change, awatch

    # Its own lines about every change would drown the log.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)

    exclusion = Exclusion(exclude)

    def wanted(_: Change, path: str) -> bool:
        if not PurePosixPath(path).is_relative_to(root) or Path(path).is_dir() or Path(path).name in SETTINGS_FILES:
            return False
        parts = PurePosixPath(path).relative_to(root).parts
        return not any(exclusion.skips(part, "/".join(parts[: n + 1])) for n, part in enumerate(parts))

    async for found in awatch(root, watch_filter=wanted, debounce=400, step=50, recursive=True):
        log.debug("reload.seen", extra={"paths": sorted(path for _, path in found)})
        yield {PurePosixPath(path).relative_to(root).as_posix() for _, path in found}
