"""The machine that is measured on: what it is, and which core a process may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
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


def cpu_seconds(pid: int) -> float:
    """CPU time, user and system, of a process and all its threads so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def memory_bytes(pid: int) -> int:
    """Resident memory of a process, shared pages included."""
    return int(psutil.Process(pid).memory_info().rss)
