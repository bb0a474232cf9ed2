"""Has a run with ``--reload`` begin again when its settings change; wrong ones are told, and those before stay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from homeport.cli.foreground.launch import prepare, settings_start
from homeport.cli.foreground.life import SETTINGS_CHANGED
from homeport.cli.foreground.trouble import Trouble
from homeport.errors import HomeportError

if TYPE_CHECKING:
    from homeport.cli.foreground.launch import Launch, RunOptions
    from homeport.cli.foreground.life import Interrupts
    from homeport.cli.foreground.screen import Screen
    from homeport.cli.surroundings import Surroundings


async def follow_settings(
    asked: RunOptions, launch: Launch, surroundings: Surroundings, screen: Screen, interrupts: Interrupts
) -> None:
    """Return once the settings say something else than ``launch``, having told ``interrupts`` so."""
    from homeport.cli.settings_changes import settings_changes

    start = settings_start(launch.spec.target, Path(launch.spec.cwd))
    async for names in settings_changes(start, Path(launch.spec.cwd), launch.loaded):
        try:
            changed = prepare(asked, surroundings)
        except HomeportError as error:
            screen.trouble(Trouble(f"settings not taken in: {error}", (), ""))
            continue
        if (changed.spec, changed.environment) != (launch.spec, launch.environment):
            screen.again(", ".join(sorted(names)))
            interrupts.raised(SETTINGS_CHANGED)
            return
