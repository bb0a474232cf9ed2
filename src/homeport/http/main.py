"""The front process: ``python -m homeport.http SPEC.json`` serves HTTP for one node until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec

from homeport import __version__
from homeport.clock import SystemClock
from homeport.errors import HomeportError, UsageError
from homeport.http.api import FrontSpec
from homeport.http.app import Front
from homeport.http.balancer import CallerBalancer
from homeport.http.directory import Directory
from homeport.http.listener import listener_of, url_of
from homeport.http.logs import start_logging
from homeport.http.server import served
from homeport.http.standing import Orphaned, Standing
from homeport.unpacked import hold_own

log = logging.getLogger("homeport.http")


def main() -> None:
    """Read the spec that the only argument names, and serve."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m homeport.http SPEC.json")
    hold_own()
    try:
        spec = read_spec(Path(sys.argv[1]))
        start_logging(spec.log, spec.log_level)
        _run(spec)
    except UsageError as error:
        log.error("front.refused", extra={"why": str(error)})
        sys.exit(2)
    except Orphaned as error:
        log.warning("front.orphaned", extra={"why": str(error)})
        sys.exit(1)
    except HomeportError as error:
        log.error("front.failed", extra={"why": str(error)})
        sys.exit(1)


def read_spec(path: Path) -> FrontSpec:
    """The spec in a JSON file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=FrontSpec)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"the front's spec {path} cannot be read: {error}") from error


def _run(spec: FrontSpec) -> None:
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(spec))


async def serve(spec: FrontSpec) -> None:
    """Serve until SIGTERM or SIGINT; then let what is in flight finish.

    Raises:
        UsageError: the address cannot be used.
        Orphaned: the node process stayed away.
    """
    from homeport.client import connect

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listener = listener_of(spec)
    url = url_of(spec, listener)
    clock, directory = SystemClock(), Directory()
    async with connect(spec.node, name=spec.name, follow_all=True) as client:
        standing = Standing(
            client, directory, name=spec.name, lease=spec.lease, orphan_grace=spec.orphan_grace, clock=clock
        )
        front = Front(
            client,
            spec,
            directory=directory,
            standing=standing,
            balancer=CallerBalancer(client.caller),
            calls=client.caller.outside.calls,
            clock=clock,
            version=__version__,
        )
        tls = (spec.tls_certificate, spec.tls_key) if spec.tls_certificate else None
        async with (
            _kept(standing) as keeping,
            served(front, listener, grace=spec.drain_timeout, drain=front.drain, tls=tls),
        ):
            _say_ready(spec.ready_file, url)
            log.info("front.serving", extra={"url": url, "pid": os.getpid()})
            await _first(stop, keeping)
            log.info("front.draining")


@asynccontextmanager
async def _kept(standing: Standing) -> AsyncIterator[asyncio.Task[None]]:
    """The standing is kept while the block runs, then given back."""
    keeping = asyncio.create_task(standing.keep(), name="http.standing")
    try:
        yield keeping
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await standing.close("the front was stopped")


async def _first(stop: asyncio.Event, keeping: asyncio.Task[None]) -> None:
    """Until told to stop; what ends the standing ends the front."""
    stopping = asyncio.create_task(stop.wait(), name="http.stop")
    try:
        await asyncio.wait({keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            keeping.result()
    finally:
        stopping.cancel()


def _say_ready(path: str, url: str) -> None:
    if not path:
        return
    # Whoever waits for the file must never read half of it.
    unfinished = Path(f"{path}.new")
    unfinished.write_text(url)
    unfinished.replace(path)
