"""The machine that is measured on: what it is, and which core a process may use."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

SERVER_CORE, CLIENT_CORE = 0, 1


def description() -> str:
    """One line for the reader of the results."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory} GB, {platform.system()} {platform.release().split('-')[0]}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def can_pin() -> bool:
    return hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1


def pin(pids: Iterable[int], core: int) -> None:
    """Keep all threads of these processes on one core; does nothing where the system cannot."""
    if not can_pin():
        return
    for pid in pids:
        # The affinity of a process is that of its first thread; the others have their own.
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {core})


@contextmanager
def staying_on(core: int) -> Iterator[None]:
    """Keep this process on one core during the block."""
    before = os.sched_getaffinity(0) if can_pin() else set()
    pin([os.getpid()], core)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of a process and its threads so far."""
    try:
        # To the nanosecond, where the usual figures go by ticks of 10 ms.
        threads = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9 if threads else _by_ticks(pid)
    except FileNotFoundError:  # a thread has just ended
        return cpu_seconds(pid) if psutil.pid_exists(pid) else 0.0


def _by_ticks(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def memory_bytes(pid: int) -> int:
    """Resident memory of a process, shared pages included."""
    return int(psutil.Process(pid).memory_info().rss)


def allow_connections(count: int) -> None:
    """Let this process, and those it starts, have so many connections open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 500
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
