"""Carries new log lines from a node's files to the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from homeport.logfiles import LogFollower, LogRecordView

LOOK_EVERY = 0.1  # seconds


class LogPump:
    """Shows what is written to any log file of the folder from now on."""

    def __init__(self, folder: Path, show: Callable[[LogRecordView], None]) -> None:
        self._folder, self._show = folder, show
        self._followers = {path: LogFollower(path, skip=True) for path in self._files()}

    async def run(self) -> None:
        """Look for new lines until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Show what came since the last look, in order of time."""
        fresh: list[LogRecordView] = []
        for path in self._files():
            if path not in self._followers:
                self._followers[path] = LogFollower(path)
            fresh += self._followers[path].read()
        for record in sorted(fresh, key=lambda record: record.at):
            self._show(record)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.log"))
