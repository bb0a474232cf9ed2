"""Starts processes, watches them end, and finds those that an earlier node process left running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from homeport import processes
from homeport.errors import HomeportError

_LOOK = 0.2  # seconds between looks at an adopted process where the kernel does not tell its end


class LaunchFailed(HomeportError):
    """The operating system refused to start a process."""


class Process(Protocol):
    """A running process of ours."""

    pid: int
    process: str  # identity of the pid

    async def wait(self) -> int | None:
        """Its exit status once it has ended, negative for a signal; ``None`` when nobody could know."""

    def signal(self, number: int) -> None:
        """Send a signal; a process that has ended is not an error. ``SIGKILL`` ends what it started, too."""


class OsProcess:
    """A process watched through a pidfd, or by a thread where there are none."""

    def __init__(self, pid: int, process: str, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid, self.process, self._child = pid, process, child
        self._pidfd = _open_pidfd(pid)

    async def wait(self) -> int | None:
        try:
            if self._pidfd >= 0:
                await _readable(self._pidfd)
            elif self._child is not None:
                await _ended(self._child)
            else:
                while processes.runs(self.pid, self.process):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(_LOOK)
        finally:
            if self._pidfd >= 0:
                os.close(self._pidfd)
                self._pidfd = -1
        self._end_group()
        return self._child.poll() if self._child is not None else None

    def signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGKILL:
                self._end_group()
            elif self._pidfd >= 0:
                signal.pidfd_send_signal(self._pidfd, number)
            elif processes.runs(self.pid, self.process):
                os.kill(self.pid, number)

    def _end_group(self) -> None:
        """Kill the process and what it started in its group, unless the pid has come to mean another process."""
        if processes.identity(self.pid) in ("", self.process):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def launch(
    command: Sequence[str], *, log: Path, cwd: Path, environ: Mapping[str, str], inherit: Sequence[int] = ()
) -> OsProcess:
    """Start a program in a session of its own, its output appended to ``log``.

    The process shares nothing with this one that would end it too: no terminal, no pipe, no parent-death signal.

    Raises:
        LaunchFailed: the message says what was refused.
    """
    output = -1
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=dict(environ),
            pass_fds=tuple(inherit),
            start_new_session=True,
        )
    except OSError as error:
        raise LaunchFailed(f"cannot start {' '.join(command)}: {error}") from error
    finally:
        if output >= 0:
            os.close(output)
    return OsProcess(child.pid, processes.identity(child.pid), child)


def adopt(pid: int, process: str) -> OsProcess | None:
    """Watch a process that somebody else started; ``None`` when it has ended or the pid means another."""
    adopted = OsProcess(pid, process)  # the pidfd is opened before the check, so it cannot come to mean another
    return adopted if processes.runs(pid, process) else None


def find_by_argument(argument: str) -> tuple[int, str] | None:
    """Pid and identity of the running process that was started with ``argument``: for one whose pid was never noted."""
    import psutil  # type: ignore[import-untyped]

    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if argument in candidate.cmdline() and candidate.pid != os.getpid():
                return candidate.pid, processes.identity(candidate.pid)
    return None


def describe_exit(status: int | None) -> str:
    """``exit status 1``, ``killed by SIGKILL``: for causes."""
    if status is None:
        return "exit status unknown, as another node process had started it"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def _open_pidfd(pid: int) -> int:
    if sys.platform != "linux":
        return -1
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, a sandbox, or already gone
        return -1


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        loop.remove_reader(descriptor)
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(descriptor, tell)
    try:
        await ended
    finally:
        loop.remove_reader(descriptor)


async def _ended(child: subprocess.Popen[bytes]) -> None:
    """A thread of its own for each child: the loop's pool has fewer than there may be workers."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def wait() -> None:
        child.wait()
        with contextlib.suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(lambda: None if ended.done() else ended.set_result(None))

    threading.Thread(target=wait, name=f"wait-{child.pid}", daemon=True).start()
    await ended
