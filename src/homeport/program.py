"""How a process of Homeport is started: by this Python, or by the executable that has one inside."""

from __future__ import annotations

import sys

PART = "--homeport-part"
"""First argument of an executable without Python beside it: the module to be, and its arguments, follow."""

Program = tuple[str, ...]
"""The words that go before the name of a module and its arguments."""


def own_program() -> Program:
    """What starts another process of the same Homeport, with the same libraries, as this one."""
    if getattr(sys, "frozen", False):
        return (sys.executable, PART)
    # -P: the working folder must not stand in for modules that the release lacks.
    return (sys.executable, "-P", "-m")
