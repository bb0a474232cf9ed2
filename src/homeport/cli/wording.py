"""What messages call this program: an artefact has a name of its own, and all the commands of ``homeport``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from homeport.cli.errors import Explained

_COMMAND = re.compile(r"(?<![\w./-])homeport (?=[a-z])")


class Wording:
    """Puts the program's own name into commands that texts name."""

    program = "homeport"  # of this process; set once, when it begins as something else

    @classmethod
    def own(cls, text: str) -> str:
        """``text`` with commands as they are typed here."""
        return text if cls.program == "homeport" else _COMMAND.sub(lambda _: f"{cls.program} ", text)

    @classmethod
    def of_problem(cls, explained: Explained) -> Explained:
        if cls.program == "homeport":
            return explained
        problem = explained.problem
        own = msgspec.structs.replace(problem, detail=cls.own(problem.detail), next=cls.own(problem.next))
        return msgspec.structs.replace(explained, problem=own, notes=tuple(map(cls.own, explained.notes)))

    @classmethod
    def of_help(cls, command: Any) -> None:
        """Change what a command of typer, and those below it, say of themselves."""
        if cls.program == "homeport":
            return
        command.help, command.epilog = cls.own(command.help or ""), cls.own(command.epilog or "")
        for below in getattr(command, "commands", {}).values():
            cls.of_help(below)
