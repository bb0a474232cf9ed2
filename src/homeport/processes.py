"""Which process a pid means: pids are reused, a pid with its start is not."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path


def identity(pid: int) -> str:
    """A text that no other process has had or will have; "" when the process has ended, even if nobody reaped it.

    On Linux it is built from the boot and the kernel's own start ticks, so that a change of the clock leaves it be.
    """
    if pid <= 0:
        return ""
    return _linux_identity(pid) if sys.platform == "linux" else _portable_identity(pid)


def runs(pid: int, process: str) -> bool:
    """Whether the process that had this ``identity`` still runs."""
    return process != "" and identity(pid) == process


def _linux_identity(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The command name, in parentheses, may itself hold spaces and parentheses.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return "" if fields[0] in (b"Z", b"X") else f"{_boot()}-{int(fields[19])}"


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return "boot"


def _portable_identity(pid: int) -> str:
    import psutil  # type: ignore[import-untyped]

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return ""
