"""The commands by name, each in a module of its own that is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeport.cli.parameters import Command, Group

COMMANDS = {
    "Run": ("run", "stop"),
    "Look": ("ps", "services", "why", "watch", "logs", "policy"),
    "Change": ("call", "scale", "restart", "deploy", "drain", "eject", "forgive"),
    "Project": (
        "new",
        "check",
        "explain",
        "graph",
        "diff",
        "build",
        "export",
        "doctor",
        "version",
        "generate",
        "config",
    ),
}
"""By the headings of help, in its order."""


def known(name: str) -> bool:
    """Whether there is a command of this name."""
    return any(name in names for names in COMMANDS.values())


def load(name: str) -> Command | Group:
    """The command, or the group of commands, of a known name."""
    command: Command | Group = getattr(import_module(f"homeport.cli.commands.{name}"), name)
    return command
