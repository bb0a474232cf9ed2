"""The command line: runs the command that is asked for, and turns whatever ends it into an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeport.cli.parameters import Command
    from homeport.cli.surroundings import Surroundings


def main(argv: Sequence[str] | None = None, surroundings: Surroundings | None = None) -> int:
    """Run one command and return its exit code; ``argv`` is without the program's name."""
    from homeport.cli.surroundings import Surroundings

    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    surroundings = surroundings or Surroundings()
    if arguments[0] == "--version":  # what every program answers; the command says more
        arguments = ["version", *arguments[1:]]
    given = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return told(lambda: _run(arguments, surroundings), surroundings, json="--json" in given)


def _run(arguments: list[str], surroundings: Surroundings) -> int:
    from homeport.cli.quick import read

    command, words = _named(arguments)
    asked = read(command, words) if command is not None else None
    if command is None or asked is None:
        return run_typer(arguments, surroundings)
    code = command(surroundings, **asked) or 0
    sys.stdout.flush()
    return code


def _named(arguments: list[str]) -> tuple[Command | None, list[str]]:
    """The command that is asked for by its name, and what comes after; None when the first words are none."""
    from homeport.cli.commands import known, load
    from homeport.cli.parameters import Group

    name, *words = arguments
    found = load(name) if known(name) else None
    if isinstance(found, Group):
        found = found.commands.get(words.pop(0)) if words else None
    return found, words


def run_typer(arguments: list[str], surroundings: Surroundings) -> int:
    """Let typer read the arguments, which knows every way of writing, help and completion."""
    import typer

    from homeport.cli.app import build
    from homeport.cli.commands import known
    from homeport.cli.wording import Wording

    command = typer.main.get_command(build(arguments[:1] if known(arguments[0]) else None))
    Wording.of_help(command)
    code = command.main(arguments, prog_name=surroundings.program, standalone_mode=False, obj=surroundings)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def told(work: Callable[[], int], surroundings: Surroundings, *, json: bool = False) -> int:
    """Do the work; whatever error ends it is told in the form that was asked for, and becomes an exit code."""
    try:
        return work()
    except BaseException as error:  # the one place where every error ends
        return _end(error, json, surroundings)


def _end(error: BaseException, json: bool, surroundings: Surroundings) -> int:
    from homeport.cli.errors import explain
    from homeport.cli.terminal import Terminal, drop

    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, BrokenPipeError):
        drop(sys.stdout)  # the program that reads it (``head``) has seen enough
        return 0
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if surroundings.environ.get("HOMEPORT_TRACEBACK") == "1":
        import traceback

        traceback.print_exception(error)
    explained = explain(error)
    Terminal(json=json).problem(explained)
    return int(explained.exit_code)
