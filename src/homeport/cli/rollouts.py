"""Follows a rollout of the node to its end, a line for every step of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from homeport.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client
    from homeport.cli.terminal import Terminal
    from homeport.node.api import RolloutStatus

LOOK_EVERY = 0.2  # seconds
SILENT_AT_MOST = 30.0  # seconds for which the node may not answer, as while it is started again


async def follow(client: Client, terminal: Terminal, begun: RolloutStatus) -> RolloutStatus:
    """Until the rollout has ended, or waits for somebody to decide."""
    told, status = "", begun
    while True:
        line = f"{status.stage}|{_steady(status.line)}"
        if line != told and not status.over:
            told = line
            _tell(terminal, status)
        if status.over or status.stage == "holding":
            return status
        await asyncio.sleep(LOOK_EVERY)
        status = await _look(client, status)


async def _look(client: Client, before: RolloutStatus) -> RolloutStatus:
    from homeport.errors import Unavailable

    deadline = time.monotonic() + SILENT_AT_MOST
    while True:
        try:
            now = await client.node.rollout()
        except Unavailable:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(LOOK_EVERY)
            continue
        if now is None or now.id != before.id:
            raise CommandError(
                f"{before.id} was overtaken by {now.id if now is not None else 'a new start of the node'}",
                kind="overtaken",
                next="homeport deploy status",
            )
        return now


def _steady(line: str) -> str:
    """The line without the seconds that count down in it."""
    head, soaking, _ = line.partition("soaking")
    return head + soaking


def _tell(terminal: Terminal, status: RolloutStatus) -> None:
    from rich.markup import escape

    if terminal.json:
        terminal.value({"event": "progress", "rollout": status.id, "stage": status.stage, "line": status.line})
    else:
        colour = "yellow" if status.stage == "returning" else "dim"
        why = f": {escape(gist(status.error))}" if status.stage == "returning" and status.error else ""
        terminal.say(f"[{colour}]{terminal.symbols.dot}[/] {escape(status.line)}{why}")


def conclude(terminal: Terminal, status: RolloutStatus, done: str, anyway: str = "") -> None:
    """Say how it ended; ``anyway`` is the command that ignores what contracts say.

    Raises:
        CommandError: what ran before runs again.
    """
    from homeport.cli.human import duration

    if status.stage in ("returned", "returning"):
        raise CommandError(
            f"{status.id} was rolled back: {gist(status.error)}",
            exit_code=ExitCode.FAILED,
            kind="rolled_back",
            next=anyway if status.differences else "",
            fields={"rollout": status.id, "error": status.error, "differences": list(status.differences)},
            notes=status.differences or place(status.error),
        )
    if terminal.json:
        terminal.value({"event": "ended", "rollout": status})
    elif status.stage == "holding":
        terminal.say(
            f"{terminal.symbols.ok} {status.line}", "  `homeport deploy promote` or `homeport deploy rollback`"
        )
    else:
        took = duration(status.ended - status.started)
        terminal.say(f"[green]{terminal.symbols.ok}[/] {done} in {took}")


def gist(error: str) -> str:
    """A reason in one line: of a traceback, what it begins and ends with."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return ": ".join(dict.fromkeys([lines[0], lines[-1]])) if lines else ""


def place(error: str) -> tuple[str, ...]:
    """Where the innermost frame of a traceback stands, if there is one."""
    frames = [line.strip() for line in error.splitlines() if line.strip().startswith('File "')]
    return tuple(frames[-1:])
