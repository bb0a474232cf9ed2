"""Runs a program that says by its exit status whether all is well."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Collection

from homeport.health.checks import Failed, Passed, Result
from homeport.health.targets import CommandTarget

MOST_OUTPUT = 4 * 1024  # bytes that are kept, of the end
_PIPE = 64 * 1024  # bytes that a pipe holds; somebody may go on writing
_SHOWN = 300  # characters of them in a reason
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}  # the node's own may hold secrets


async def probe_command(target: CommandTarget, programs: Collection[str]) -> Result:
    """Passes when the program ends with 0; cancelled, it is killed together with the processes it has started.

    ``programs`` are the paths of those that checks may run. They get no shell, no input and none of the node's
    environment.
    """
    program = target.arguments[0]
    if program not in programs:
        return Failed(f"this node runs no {program!r} for checks; to allow it, add its path to health.commands")
    output = _Output()
    try:
        process = await asyncio.create_subprocess_exec(
            *target.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output.end,
            stderr=output.end,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        output.close()
        return Failed(f"cannot run {program}: {error}")
    try:
        status = await process.wait()
    finally:
        # Also after a good end: what it left behind in its group must not add up check by check.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        output.close()
    said = f": {output.text[-_SHOWN:]}" if output.text else ""
    if status == 0:
        return Passed(f"{program} ended with 0{said}")
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"
    return Failed(f"{program} {how}{said}")


class _Output:
    """The end of what is written into a pipe; whoever holds its other end open, ``close`` ends it."""

    def __init__(self) -> None:
        self._read, self.end = os.pipe()
        os.set_blocking(self._read, False)
        self._kept = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._read, self._take)

    @property
    def text(self) -> str:
        text = self._kept.decode("utf-8", "replace")
        return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())

    def close(self) -> None:
        for _ in range(_PIPE // MOST_OUTPUT):
            if not self._take():
                break
        self._loop.remove_reader(self._read)
        os.close(self._read)
        os.close(self.end)

    def _take(self) -> bool:
        try:
            chunk = os.read(self._read, MOST_OUTPUT)
        except BlockingIOError:
            return False
        self._kept = (self._kept + chunk)[-MOST_OUTPUT:]
        return bool(chunk)
