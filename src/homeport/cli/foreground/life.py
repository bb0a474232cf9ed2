"""A node in the foreground, from its start through its logs to its orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from homeport.cli.causes import CRASHES
from homeport.cli.errors import CommandError, ExitCode, NodeRefused
from homeport.cli.findings import with_source_places
from homeport.cli.foreground.launch import AGAIN
from homeport.cli.foreground.trouble import Trouble, crashed, hopeless, not_ready

if TYPE_CHECKING:
    from homeport.cli.foreground.screen import Screen
    from homeport.cli.surroundings import Client, Connect
    from homeport.node.api import NodeSpec, NodeStatus
    from homeport.nodes import NodeAddress

LOOK_EVERY = 0.1  # seconds between looks at the node's state and at its logs
TROUBLE_EVERY = 1.0  # seconds between looks for crashed workers, once all is ready
ANNOUNCE_EVERY = 0.02  # seconds between looks for the node's announcement
PATIENCE = 5.0  # seconds for one answer of the node
KILL_PATIENCE = 3.0  # seconds a killed node gets before the system ends it
HOPELESS = 2  # failed starts of one worker after which waiting on is of no use

SETTINGS_CHANGED = 0  # beside the signals: the end of a run that is to begin again

T = TypeVar("T")


class Process(Protocol):
    """The node process as seen by whoever started it."""

    @property
    def pid(self) -> int: ...
    @property
    def spec(self) -> NodeSpec: ...
    def exit_code(self) -> int | None: ...
    def announced(self) -> NodeAddress | None: ...
    def said(self) -> str: ...
    def forget_spec(self) -> None: ...
    def cut_lifeline(self) -> None: ...
    def signal(self, number: signal.Signals) -> None: ...


class Interrupted(Exception):
    """Somebody asked for the end, with this signal or ``SETTINGS_CHANGED``."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupts:
    """Counts the signals that ask for the end, instead of letting them raise wherever the program stands."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.number = 0

    def raised(self, number: int) -> None:
        self.number = number
        self._event.set()

    async def wait(self) -> None:
        """Return when one has come that nobody has taken."""
        await self._event.wait()

    def take(self) -> int:
        """The signal's number; from now on the next one is waited for."""
        self._event.clear()
        return self.number

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over while the block runs."""
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, self.raised, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


class Life:
    """One run: brings the node up, shows it, and takes it down."""

    def __init__(
        self, process: Process, connect: Connect, screen: Screen, interrupts: Interrupts, now: Callable[[], float]
    ) -> None:
        self._process, self._connect, self._screen, self._interrupts = process, connect, screen, interrupts
        self._now = now
        self._told: set[str] = set()

    async def run(self, started: float) -> int:
        """Live until the end and return the exit code; ``started`` is when the command was given."""
        try:
            address = await self._unless_interrupted(self._announced())
        except Interrupted as interrupted:
            self._process.cut_lifeline()
            return await self._see_end(None, interrupted.number)
        async with contextlib.AsyncExitStack() as stack:
            try:
                opening = stack.enter_async_context(self._connect(address.endpoint))
                client = await self._unless_interrupted(self._within_patience(opening))
            except Interrupted as interrupted:
                self._process.cut_lifeline()
                return await self._see_end(None, interrupted.number)
            return await self._run_connected(client, started)

    async def _run_connected(self, client: Client, started: float) -> int:
        try:
            await self._unless_interrupted(self._ready(client, started))
            if self._process.spec.detach:
                return ExitCode.DONE
            return self._ended(await self._unless_interrupted(self._exit_telling(client)))
        except Interrupted as interrupted:
            return await self._shut_down(client, interrupted.number)
        except (CommandError, NodeRefused):
            if self._process.exit_code() is None:
                await self._shut_down(client, signal.SIGTERM, quietly=True)
            raise

    # -- up ------------------------------------------------------------------------------------------------------------

    async def _announced(self) -> NodeAddress:
        while True:
            self._still_runs()
            address = self._process.announced()
            if address is not None:
                self._process.forget_spec()
                return address
            await asyncio.sleep(ANNOUNCE_EVERY)

    async def _within_patience(self, opening: Coroutine[Any, Any, Client]) -> Client:
        limit = self._process.spec.config.node.ready_timeout
        try:
            async with asyncio.timeout(limit):
                return await opening
        except TimeoutError:
            self._process.cut_lifeline()
            raise CommandError(
                f"the node process (pid {self._process.pid}) does not answer after {limit:g} s; it was told to stop",
                kind="not_ready",
                exit_code=ExitCode.TIMED_OUT,
                next="homeport logs node",
            ) from None

    async def _ready(self, client: Client, started: float) -> None:
        """Show the progress until all is ready.

        Raises:
            CommandError: something required is missing, or crashes again and again.
        """
        limit = self._process.spec.config.node.ready_timeout
        deadline = self._now() + limit
        while True:
            self._still_runs()
            status = await self._status(client)
            if status is not None:
                if status.ready:
                    services = await client.registry.services()
                    self._screen.ready(status, services, self._now() - started, self._process.spec.detach)
                    return
                self._screen.progress(status, self._now() - started)
                self._tell_troubles(status)
                if not self._process.spec.reload:  # a mended file may still make it ready
                    self._refuse_hopeless(status)
                    if self._now() >= deadline:
                        raise await self._gave_up(client, status, limit)
            await asyncio.sleep(LOOK_EVERY)

    async def _status(self, client: Client) -> NodeStatus | None:
        """How the node is; None when it does not say, or ends meanwhile."""
        from homeport.errors import Unavailable

        # The client itself would wait for another node process to take over.
        asking = asyncio.create_task(self._ask_status(client), name="run.status")
        ending = asyncio.create_task(self._exit(), name="run.exit")
        try:
            await asyncio.wait({asking, ending}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        except Unavailable:
            return None
        finally:
            for task in (asking, ending):
                task.cancel()
            await asyncio.gather(asking, ending, return_exceptions=True)

    async def _ask_status(self, client: Client) -> NodeStatus:
        return await client.node.status()

    def _tell_troubles(self, status: NodeStatus) -> None:
        """Show each crash, and each failed reload, once."""
        self._screen.notice(status)
        for worker in status.workers:
            if worker.cause is not None and worker.cause.what in CRASHES:
                self._tell(f"{worker.name} {worker.cause.at}", crashed(worker, status))
        if status.reload_error:
            first, *rest = with_source_places(status.reload_error, status.data, status.root).splitlines()
            self._tell(f"reload {status.reload_error}", Trouble(f"not reloaded: {first}", tuple(rest), ""))

    def _tell(self, key: str, trouble: Trouble) -> None:
        if key not in self._told:
            self._told.add(key)
            self._screen.trouble(trouble)

    def _refuse_hopeless(self, status: NodeStatus) -> None:
        for worker in status.workers:
            if hopeless(worker, HOPELESS):
                trouble = crashed(worker, status)
                raise CommandError(
                    f"{trouble.message} (everything was stopped)",
                    kind="worker_failed",
                    next=trouble.next,
                    fields={"worker": worker.name, "evidence": worker.cause.evidence if worker.cause else ""},
                )

    async def _gave_up(self, client: Client, status: NodeStatus, limit: float) -> CommandError:
        instances, services = await asyncio.gather(client.registry.instances(), client.registry.services())
        trouble: Trouble = not_ready(status, instances, services, limit)
        return CommandError(
            f"{trouble.message}; everything was stopped",
            kind="not_ready",
            next=f"{trouble.next}, or give it longer with --ready-timeout",
            notes=trouble.notes,
            fields={"waiting": status.waiting},
        )

    # -- down ----------------------------------------------------------------------------------------------------------

    async def _exit_telling(self, client: Client) -> int:
        """Wait for the node to end, showing what goes wrong meanwhile."""
        next_look = self._now()
        while (code := self._process.exit_code()) is None:
            if self._now() >= next_look and (status := await self._status(client)) is not None:
                self._tell_troubles(status)
                next_look = self._now() + TROUBLE_EVERY
            await asyncio.sleep(LOOK_EVERY)
        return code

    async def _exit(self) -> int:
        while (code := self._process.exit_code()) is None:  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(LOOK_EVERY)
        return code

    def _ended(self, code: int) -> int:
        """The node ended although nobody asked it to here."""
        if code == 0:
            self._screen.stopped("stopped from elsewhere")
            return ExitCode.DONE
        raise self._died(code)

    def _still_runs(self) -> None:
        code = self._process.exit_code()
        if code is not None:
            raise self._died(code)

    def _died(self, code: int) -> CommandError | NodeRefused:
        self._process.forget_spec()
        said = self._process.said()
        if code < 0:
            name = signal.Signals(-code).name
            return CommandError(
                f"the node process was killed by {name}; its services go on for a while without it",
                kind="node_died",
                next="homeport run again: it takes the running services over",
                notes=tuple(said.splitlines()[-10:]),
            )
        return NodeRefused(code, said)

    async def _shut_down(self, client: Client, number: int, *, quietly: bool = False) -> int:
        """Ask for an orderly end and see it through; a second signal kills."""
        asking = asyncio.create_task(self._ask_to_stop(client, number), name="run.shutdown")
        try:
            return await self._see_end(client, number, quietly=quietly)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask_to_stop(self, client: Client, number: int) -> None:
        from homeport.errors import HomeportError

        names = {signal.SIGINT: "Ctrl-C", signal.SIGHUP: "closed terminal", SETTINGS_CHANGED: "changed settings"}
        actor = names.get(number, "homeport run")
        with contextlib.suppress(HomeportError):
            await client.node.stop_node(actor)
            return
        self._process.cut_lifeline()

    async def _see_end(self, client: Client | None, number: int, *, quietly: bool = False) -> int:
        self._screen.stopping(None)
        ending = asyncio.create_task(self._watch_end(client), name="run.end")
        again = asyncio.create_task(self._interrupts.wait(), name="run.second-signal")
        try:
            await asyncio.wait({ending, again}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                number = self._interrupts.take()
                await self._kill(client)
                self._screen.stopped("killed")
            elif not quietly and number != SETTINGS_CHANGED:
                self._screen.stopped("stopped")
        finally:
            for task in (ending, again):
                task.cancel()
            await asyncio.gather(ending, again, return_exceptions=True)
        if number == SETTINGS_CHANGED:
            return AGAIN
        # An operator's or a service manager's SIGTERM was carried out: that is done. Ctrl-C is an interruption.
        return ExitCode.DONE if number == signal.SIGTERM else ExitCode.INTERRUPTED

    async def _watch_end(self, client: Client | None) -> None:
        while self._process.exit_code() is None:
            self._screen.stopping(await self._status(client) if client is not None else None)
            await asyncio.sleep(LOOK_EVERY)

    async def _kill(self, client: Client | None) -> None:
        from homeport.errors import HomeportError

        if client is not None:
            with contextlib.suppress(HomeportError, TimeoutError):
                async with asyncio.timeout(KILL_PATIENCE):
                    await client.node.kill("second Ctrl-C")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_PATIENCE):
                await self._exit()
                return
        self._process.signal(signal.SIGKILL)
        await self._exit()

    async def _unless_interrupted(self, work: Coroutine[Any, Any, T]) -> T:
        doing = asyncio.create_task(work, name="run.work")
        waiting = asyncio.create_task(self._interrupts.wait(), name="run.signal")
        try:
            await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            raise Interrupted(self._interrupts.take())
        finally:
            for task in (doing, waiting):
                task.cancel()
            await asyncio.gather(doing, waiting, return_exceptions=True)
