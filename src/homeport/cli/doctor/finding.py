"""What one check of the doctor found."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Health(StrEnum):
    WELL = "well"
    WARNING = "warning"  # works, but not as well or as safely as it could
    ILL = "ill"  # something will not work


class Checked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the doctor's report."""

    name: str
    health: Health
    found: str
    next: str = ""  # the step to take; empty when all is well


def well(name: str, found: str) -> Checked:
    return Checked(name=name, health=Health.WELL, found=found)


def warning(name: str, found: str, next: str) -> Checked:
    return Checked(name=name, health=Health.WARNING, found=found, next=next)


def ill(name: str, found: str, next: str) -> Checked:
    return Checked(name=name, health=Health.ILL, found=found, next=next)
