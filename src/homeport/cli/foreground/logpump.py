"""Carries new log lines from a node's files to the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from homeport.logfiles import LogFollower, LogRecordView

LOOK_EVERY = 0.1  # seconds
MOST = 200  # records shown at one look: 2,000 a second is more than anybody reads


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
        """Show what came since the last look, in order of time; of a flood only its end."""
        fresh: list[LogRecordView] = []
        for path in self._files():
            if path not in self._followers:
                self._followers[path] = LogFollower(path)
            fresh += self._followers[path].read()
        fresh.sort(key=lambda record: record.at)
        if (surplus := len(fresh) - MOST) > 0:
            # A terminal that has fallen behind helps nobody; the files have all of it.
            self._show(_left_out(surplus, fresh[surplus]))
            del fresh[:surplus]
        for record in fresh:
            self._show(record)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.log"))


def _left_out(count: int, before: LogRecordView) -> LogRecordView:
    message = f"… {count:,} lines not shown here; `homeport logs` has them"
    return LogRecordView(at=before.at, level="warning", message=message, worker=before.worker, service=before.service)
