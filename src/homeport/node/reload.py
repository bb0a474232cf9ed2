"""Replaces, on a change of the source, the workers that import what changed; on an error the old code keeps running."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

import msgspec

from homeport.build.plan import Plan, PlannedService
from homeport.clock import Clock
from homeport.errors import HomeportError
from homeport.node.application import Edition, together
from homeport.node.desired import Phase, Wish, Worker
from homeport.node.releases import is_skipped
from homeport.node.timing import event_or_due

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


def outcome(release: str, wishes: Mapping[str, Wish], workers: Mapping[str, Worker]) -> bool | Worker:
    """How a replacement stands: ``True`` when all is ready, ``False`` while it is not, or the worker that failed."""
    new = [worker for worker in workers.values() if worker.release == release]
    failed = next((worker for worker in new if worker.phase is Phase.BACKING_OFF), None)
    if failed is not None:
        return failed
    for name, wish in wishes.items():
        ready = sum(worker.services.get(name, 0) for worker in new if worker.phase is Phase.RUNNING)
        if wish.release == release and ready < wish.replicas:
            return False
    return True


class Host(Protocol):
    """The node process, as far as a reload needs it."""

    @property
    def wishes(self) -> Mapping[str, Wish]: ...
    @property
    def workers(self) -> Mapping[str, Worker]: ...

    async def read_source(self) -> Edition:
        """Scan the source as it is now and make a release of it.

        Raises:
            HomeportError: the source has errors, or cannot be copied.
        """

    def run_edition(self, edition: Edition, releases: Mapping[str, str]) -> None:
        """Run the services of the edition's plan, each in the release given."""

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Tell ``listener`` when a worker has become ready or ended, until the returned function is called."""


class Reloader:
    """Tries every change of the source, and goes back to what last worked when it fails."""

    def __init__(
        self, host: Host, edition: Edition, releases: Mapping[str, str], clock: Clock, layout: str, ready_timeout: float
    ) -> None:
        self._host, self._clock, self._layout, self._ready_timeout = host, clock, layout, ready_timeout
        self._good, self._releases = edition, dict(releases)
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
                settling = self._try(edition, tasks)

    def _try(self, edition: Edition, tasks: asyncio.TaskGroup) -> asyncio.Task[None] | None:
        if edition.release.id == self._good.release.id:  # the source is again what runs
            self._host.run_edition(self._good, self._releases)
            self._succeed(self._good, self._releases, len(self._pending))
            return None
        paths = set().union(*self._pending)
        replacement = decide(self._good.plan, edition.plan, paths, self._layout)
        kept = {service.name: self._releases.get(service.name, "") for service in edition.plan.services}
        fresh = replacement.changed | replacement.added
        releases = {**kept, **dict.fromkeys(fresh, edition.release.id)}
        self._host.run_edition(edition, releases)
        if not fresh:
            self._succeed(edition, releases, len(self._pending))
            return None
        log.info("reload.started", extra={"release": edition.release.id, "services": sorted(fresh)})
        settle = self._settle(edition, releases, len(self._pending))
        return tasks.create_task(settle, name=f"reload.{edition.release.id}")

    async def _settle(self, edition: Edition, releases: Mapping[str, str], batches: int) -> None:
        """Wait until the new workers are ready; go back if one fails."""
        news = asyncio.Event()
        stop_listening = self._host.listen(news.set)
        deadline = self._clock.now() + self._ready_timeout
        try:
            while True:
                stands = outcome(edition.release.id, self._host.wishes, self._host.workers)
                if stands is True:
                    self._succeed(edition, releases, batches)
                    return
                if isinstance(stands, Worker):
                    evidence = stands.cause.evidence if stands.cause is not None else ""
                    self._go_back(f"worker {stands.name} failed to start: {evidence}")
                    return
                if self._clock.now() >= deadline:
                    self._go_back(f"the new code was not ready within {self._ready_timeout:g} s")
                    return
                news.clear()
                await event_or_due(news, deadline, self._clock)
        finally:
            stop_listening()

    def _succeed(self, edition: Edition, releases: Mapping[str, str], batches: int) -> None:
        self._good, self._releases = edition, dict(releases)
        del self._pending[:batches]
        self.error = ""
        log.info("reload.done", extra={"release": edition.release.id})

    def _go_back(self, error: str) -> None:
        self._fail("reload.failed", error)
        if not self._stopped:
            self._host.run_edition(self._good, self._releases)

    def _fail(self, event: str, error: str) -> None:
        self.error = error
        log.error(event, extra={"error": error})


async def changes(root: Path, exclude: Sequence[str]) -> AsyncIterator[set[str]]:
    """Sets of changed files below ``root``, relative to it, each a short while after the last change."""
    from watchfiles import Change, awatch

    # Its own lines about every change would drown the log.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)

    def wanted(_: Change, path: str) -> bool:
        if not PurePosixPath(path).is_relative_to(root) or Path(path).is_dir():
            return False
        parts = PurePosixPath(path).relative_to(root).parts
        return not any(is_skipped(part, "/".join(parts[: n + 1]), exclude) for n, part in enumerate(parts))

    async for found in awatch(root, watch_filter=wanted, debounce=400, step=50, recursive=True):
        log.debug("reload.seen", extra={"paths": sorted(path for _, path in found)})
        yield {PurePosixPath(path).relative_to(root).as_posix() for _, path in found}
