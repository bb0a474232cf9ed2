"""``homeport run`` from its options to its exit code, for the command and for ``homeport.run()`` alike."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.cli.foreground.launch import AGAIN, Launch, NodeProcess, RunOptions, prepare, refuse_second_node

if TYPE_CHECKING:
    from homeport.cli.foreground.screen import Screen
    from homeport.cli.surroundings import Surroundings


def start(asked: RunOptions, surroundings: Surroundings) -> int:
    """Run a node until it is stopped, or with ``detach`` until it is ready.

    Raises:
        CommandError: it cannot start, does not become ready, or dies.
        ConfigError: a setting is wrong.
    """
    while (code := _start_once(asked, surroundings)) == AGAIN:
        pass
    return code


def _start_once(asked: RunOptions, surroundings: Surroundings) -> int:
    started = time.monotonic()
    launch = prepare(asked, surroundings)
    refuse_second_node(Path(launch.spec.data))
    process = NodeProcess(launch)
    # What is slow to import comes only now, while the node process starts.
    import asyncio

    screen: Screen | None = None
    try:
        screen = _screen(asked, surroundings)
        return asyncio.run(_live(process, asked, launch, surroundings, screen, started))
    except BaseException:
        process.cut_lifeline()
        raise
    finally:
        process.forget_spec()
        if screen is not None:
            screen.close()


def _screen(asked: RunOptions, surroundings: Surroundings) -> Screen:
    """Events for programs and pipes; what a person reads on a terminal, and about a start in the background."""
    from homeport.cli.foreground.screen import EventScreen, LiveScreen
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=asked.json, goes_on=asked.detach)  # a node in the background outlives its readers
    if terminal.live or (asked.detach and not asked.json):
        return LiveScreen(terminal, surroundings.wall)
    return EventScreen(terminal)


async def _live(
    process: NodeProcess,
    asked: RunOptions,
    launch: Launch,
    surroundings: Surroundings,
    screen: Screen,
    started: float,
) -> int:
    import asyncio

    from homeport.cli.foreground.life import Interrupts, Life
    from homeport.cli.foreground.logpump import LogPump
    from homeport.cli.foreground.settings import follow_settings

    interrupts = Interrupts()
    pump = LogPump(process.data / "logs", screen.log)
    with interrupts.listening():
        package = surroundings.package
        inside = package is not None and process.spec.target == str(package.folder)
        screen.starting(surroundings.program if inside else process.spec.target)
        beside = [asyncio.create_task(pump.run(), name="run.logs")]
        if asked.reload and not asked.detach:
            following = follow_settings(asked, launch, surroundings, screen, interrupts)
            beside.append(asyncio.create_task(following, name="run.settings"))
        try:
            life = Life(process, surroundings.connect, screen, interrupts, time.monotonic)
            return await life.run(started)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            pump.look()
