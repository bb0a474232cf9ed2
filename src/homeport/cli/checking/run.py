"""A check from its options to its exit code: once, with edits, or after every change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from homeport.build.diagnostics.fixes.rounds import Looked, edited, fix
from homeport.cli.checking.look import CheckOptions, look
from homeport.cli.checking.printing import print_diff, print_fixed, print_report, report_of
from homeport.cli.errors import ExitCode
from homeport.cli.foreground.launch import settings_start
from homeport.cli.target import settings_of
from homeport.errors import HomeportError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.config import Loaded


def run_check(asked: CheckOptions, surroundings: Surroundings, terminal: Terminal) -> int:
    """The exit code: 1 with errors or warnings, or with ``diff`` when there is something to edit; notes are none.

    Raises:
        UsageError: TARGET does not exist.
        ConfigError: a setting is wrong.
    """
    if asked.watch:
        import asyncio

        return asyncio.run(_watch(asked, surroundings, terminal))
    if asked.diff:
        changes = edited(look(asked, surroundings))
        print_diff(terminal, changes)
        return ExitCode.FAILED if changes else ExitCode.DONE
    return _once(asked, surroundings, terminal)[0]


def _once(asked: CheckOptions, surroundings: Surroundings, terminal: Terminal) -> tuple[int, Looked]:
    if asked.fix:
        fixed = fix(lambda: look(asked, surroundings))
        print_fixed(terminal, fixed)
        looked = fixed.looked
    else:
        looked = look(asked, surroundings)
    report = report_of(looked, surroundings.cwd().resolve())
    print_report(terminal, report, asked.format)
    found = report.count("error") + report.count("warning")
    return (ExitCode.FAILED if found else ExitCode.DONE), looked


async def _watch(asked: CheckOptions, surroundings: Surroundings, terminal: Terminal) -> int:
    """Check again after every change of source or settings, until interrupted."""
    import asyncio

    from homeport.cli.settings_changes import settings_changes
    from homeport.node.reload import changes

    root = _watch_once(asked, surroundings, terminal)
    cwd, changed = surroundings.cwd().resolve(), asyncio.Queue[None]()

    async def follow(source: AsyncIterator[set[str]]) -> None:
        async for _ in source:
            changed.put_nowait(None)
            await changed.join()  # what changes during a look is in the next one

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow(changes(root, ())), name="check.source")
        settings = settings_changes(settings_start(asked.target or ".", cwd), cwd, _settings(asked, surroundings))
        tasks.create_task(follow(settings), name="check.settings")
        while True:
            await changed.get()
            _watch_once(asked, surroundings, terminal)
            changed.task_done()


def _settings(asked: CheckOptions, surroundings: Surroundings) -> Loaded | None:
    try:
        return settings_of(asked.target, surroundings)
    except HomeportError:
        return None


def _watch_once(asked: CheckOptions, surroundings: Surroundings, terminal: Terminal) -> Path:
    """One look on a clean screen; an error that ends a check for good is only told here."""
    from homeport.cli.errors import explain

    if terminal.out.is_terminal:
        terminal.out.clear()
    try:
        return Path(_once(asked, surroundings, terminal)[1].plan.root)
    except HomeportError as error:
        terminal.problem(explain(error))
        return surroundings.cwd().resolve()
    finally:
        terminal.note("[dim]watching for changes; Ctrl-C ends it[/]")
