"""A worker's stack on demand, also from one whose loop, or whole interpreter, is stuck."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from typing import IO

DUMP_SIGNAL = getattr(signal, "SIGQUIT", None)  # as for a Java program; Windows has none


def offer_dump(file: IO[str] | None = None) -> bool:
    """Write the stacks of all threads to ``file`` (standard error) when asked; whether this system can.

    The handler runs in C and needs no GIL, so a thread that never gives it back does not prevent the answer.
    """
    if DUMP_SIGNAL is None:
        return False
    faulthandler.register(DUMP_SIGNAL, file=file or sys.stderr, all_threads=True, chain=False)
    return True


def ask_for_dump(pid: int) -> bool:
    """Ask a process that has called ``offer_dump``; whether it could be asked."""
    if DUMP_SIGNAL is None:
        return False
    try:
        os.kill(pid, DUMP_SIGNAL)
    except OSError:
        return False
    return True
