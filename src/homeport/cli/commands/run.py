"""``homeport run``: find the services of an application, start them, show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from homeport.cli import options
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from homeport.cli.foreground.launch import RunOptions
    from homeport.cli.surroundings import Surroundings

HOW, WHERE = "How to run", "Node"


def run(
    surroundings: Surroundings,
    target: Annotated[
        str,
        argument(metavar="TARGET", help="A folder, a module, module:Class or module:app; default: this folder."),
    ] = "",
    layout: Annotated[
        Literal["spread", "single"] | None,
        option(help="A worker process per service (the default), or one for all.", panel=HOW),
    ] = None,
    detach: Annotated[
        bool,
        options.flag("--detach", "-d", help="Return when all is ready; it goes on.", panel=HOW),
    ] = False,
    attach: Annotated[
        bool,
        options.flag(
            "--attach",
            help="Run TARGET in this terminal, joined to the node that runs: stdin and breakpoint() work.",
            panel=HOW,
        ),
    ] = False,
    reload: Annotated[
        bool, options.flag("--reload", help="Restart what a changed file belongs to.", panel=HOW)
    ] = False,
    debug: Annotated[
        bool,
        options.flag("--debug", help="No deadlines or leases, so that you may pause.", panel=HOW),
    ] = False,
    ready_timeout: Annotated[
        float | None,
        option(
            metavar="DURATION",
            parser=options.seconds,
            help="How long the services may take to be ready; default 30s.",
            panel=HOW,
        ),
    ] = None,
    name: Annotated[
        str | None,
        option(metavar="NAME", help="Default: the name of the project's folder.", panel=WHERE),
    ] = None,
    host: Annotated[str | None, option(metavar="ADDRESS", help="For HTTP; default 127.0.0.1.", panel=WHERE)] = None,
    port: Annotated[
        int | None,
        option(metavar="PORT", help="For HTTP; default 7070, or the next free one.", panel=WHERE),
    ] = None,
    data: Annotated[
        str | None,
        option(metavar="FOLDER", help="For the node's files; default .homeport.", panel=WHERE),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        option("--set", metavar="KEY=VALUE", help="Any setting; may be repeated.", panel=WHERE),
    ] = None,
    node: options.Node = None,
    as_json: options.Json = False,
) -> int:
    """Start the services of TARGET and show their logs.

    Ctrl-C stops them in order; a second one kills. Services are found by reading the source, nothing is imported.

    Examples:

      homeport run .
      homeport run examples/boutique --reload
      homeport run orders:app --port 8080 --detach
      homeport run . --set services.payment.replicas=3
    """
    from homeport.cli.foreground.launch import RunOptions

    asked = RunOptions(
        target=target,
        layout=layout,
        name=name,
        host=host,
        port=port,
        data=data,
        ready_timeout=ready_timeout,
        assignments=tuple(assignments or ()),
        detach=detach,
        reload=reload,
        debug=debug,
        json=as_json,
    )
    if attach:
        return _attach(asked, node, surroundings)
    if node is not None:
        from homeport.cli.errors import misused

        raise misused("run", "--node", "it only goes with --attach; --name gives a new node its name")
    from homeport.cli.foreground.start import start

    return start(asked, surroundings)


def _attach(asked: RunOptions, node: str | None, surroundings: Surroundings) -> int:
    """Host TARGET in this very process.

    Raises:
        CommandError: options were given that say how a node starts.
        NoNode: there is no node to join.
    """
    from homeport.cli.errors import CommandError, ExitCode
    from homeport.cli.foreground.launch import RunOptions
    from homeport.nodes import find_node

    plain = RunOptions(target=asked.target, debug=asked.debug, json=asked.json)
    if asked != plain:
        odd = [name for name in asked.__struct_fields__ if getattr(asked, name) != getattr(plain, name)]
        raise CommandError(
            f"--attach joins a node that runs, so {', '.join('--' + _flag(name) for name in odd)} cannot be given",
            exit_code=ExitCode.USAGE,
            kind="bad_options",
            next=f"homeport run {asked.target or '.'} --attach",
        )
    address = find_node(node, surroundings.environ, surroundings.cwd())
    from homeport.worker.attached import run_attached

    package = surroundings.package
    target = asked.target or (str(package.root) if package is not None else ".")
    return run_attached(target, address.endpoint, asked.debug)


def _flag(name: str) -> str:
    return {"assignments": "set"}.get(name, name.replace("_", "-"))
