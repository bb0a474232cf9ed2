"""The command line: assembles the commands and turns whatever ends them into an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

    from homeport.cli.foreground.launch import RunOptions
    from homeport.cli.surroundings import Surroundings

RUNNING, LOOKING, CHANGING, PROJECT = "Run", "Look", "Change", "Project"


def main(argv: Sequence[str] | None = None, surroundings: Surroundings | None = None) -> int:
    """Run one command and return its exit code; ``argv`` is without the program's name."""
    from homeport.cli.surroundings import Surroundings

    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    surroundings = surroundings or Surroundings()
    if arguments[0] == "--version":  # what every program answers; the command says more
        arguments = ["version", *arguments[1:]]
    if arguments[0] == "run":
        from homeport.cli.quick import run_options

        asked = run_options(arguments[1:])
        if asked is not None:
            return _run_at_once(asked, surroundings)
    return _run_typer(arguments, surroundings)


def _run_at_once(asked: RunOptions, surroundings: Surroundings) -> int:
    from homeport.cli.foreground.start import start

    return told(lambda: start(asked, surroundings), surroundings, json=asked.json)


def _run_typer(arguments: list[str], surroundings: Surroundings) -> int:
    import typer

    from homeport.cli.wording import Wording

    command = typer.main.get_command(build())
    Wording.of_help(command)

    def run() -> int:
        code = command.main(arguments, prog_name=surroundings.program, standalone_mode=False, obj=surroundings)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0

    given = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return told(run, surroundings, json="--json" in given)


def told(work: Callable[[], int], surroundings: Surroundings, *, json: bool = False) -> int:
    """Do the work; whatever error ends it is told in the form that was asked for, and becomes an exit code."""
    try:
        return work()
    except BaseException as error:  # the one place where every error ends
        return _end(error, json, surroundings)


def build() -> typer.Typer:
    """All commands, in the order that help lists them."""
    import typer

    from homeport.cli.commands.build import build as build_artefact
    from homeport.cli.commands.call import call
    from homeport.cli.commands.check import check
    from homeport.cli.commands.config import config
    from homeport.cli.commands.deploy import deploy
    from homeport.cli.commands.diff import diff
    from homeport.cli.commands.doctor import doctor
    from homeport.cli.commands.drain import drain
    from homeport.cli.commands.eject import eject
    from homeport.cli.commands.explain import explain
    from homeport.cli.commands.export import export
    from homeport.cli.commands.forgive import forgive
    from homeport.cli.commands.generate import generate
    from homeport.cli.commands.graph import graph
    from homeport.cli.commands.logs import logs
    from homeport.cli.commands.new import new
    from homeport.cli.commands.policy import policy
    from homeport.cli.commands.ps import ps
    from homeport.cli.commands.restart import restart
    from homeport.cli.commands.run import run
    from homeport.cli.commands.scale import scale
    from homeport.cli.commands.services import services
    from homeport.cli.commands.stop import stop
    from homeport.cli.commands.version import version
    from homeport.cli.commands.watch import watch
    from homeport.cli.commands.why import why

    app = typer.Typer(
        name="homeport",
        help="A service registry that runs your services.",
        epilog="Start with `homeport new shop`, or `homeport run FOLDER` where your services are.",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    panels = {
        RUNNING: (run, stop),
        LOOKING: (ps, services, why, watch, logs, policy),
        CHANGING: (call, scale, restart, deploy, drain, eject, forgive),
        PROJECT: (new, check, explain, graph, diff, build_artefact, export, doctor, version),
    }
    for panel, commands in panels.items():
        for command in commands:
            app.command(rich_help_panel=panel)(command)
    app.add_typer(generate, name="generate", rich_help_panel=PROJECT)
    app.add_typer(config, name="config", rich_help_panel=PROJECT)
    return app


def _end(error: BaseException, json: bool, surroundings: Surroundings) -> int:
    from homeport.cli.errors import explain
    from homeport.cli.terminal import Terminal

    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, BrokenPipeError):
        return _reader_left()
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if surroundings.environ.get("HOMEPORT_TRACEBACK") == "1":
        import traceback

        traceback.print_exception(error)
    explained = explain(error)
    Terminal(json=json).problem(explained)
    return int(explained.exit_code)


def _reader_left() -> int:
    """End quietly when the program that reads our output (``head``) has seen enough."""
    import os

    # The interpreter flushes standard output once more at its end, which must not fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
