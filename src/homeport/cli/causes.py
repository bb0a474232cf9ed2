"""A cause in few words."""

from __future__ import annotations

import re

from homeport.model import Cause

CRASHES = ("process exited", "not started")
"""The kinds of cause that nobody asked for; others end a worker on purpose."""

_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Warning)\b")


def gist(cause: Cause) -> str:
    """How it ended and, if the output tells, the exception: ``exit status 1: KeyError: 'x'``."""
    lines = cause.evidence.strip().splitlines()
    if not lines:
        return cause.what
    raised = next((line for line in reversed(lines) if _EXCEPTION.match(line)), "")
    return f"{lines[0]}: {raised}" if raised and raised != lines[0] else lines[0]
