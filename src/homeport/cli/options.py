"""The options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from homeport.cli import completion
from homeport.cli.surroundings import Surroundings

COMMON = "Common options"


def flag(*names: str, help: str, panel: str | None = None) -> Any:
    """A switch, which has no value whose name help could show."""
    return typer.Option(*names, metavar="", help=help, rich_help_panel=panel)


Node = Annotated[
    str | None,
    typer.Option(
        "--node",
        metavar="NODE",
        help="Name, data folder or endpoint of the node. Default: the one that runs here.",
        rich_help_panel=COMMON,
        autocompletion=completion.nodes,
    ),
]
Json = Annotated[bool, flag("--json", help="Print JSON for programs; errors are problem objects.", panel=COMMON)]
ServiceName = Annotated[
    str, typer.Argument(metavar="SERVICE", help="Name of a service.", autocompletion=completion.services)
]
OptionalServiceName = Annotated[
    str | None, typer.Argument(metavar="SERVICE", help="Name of a service.", autocompletion=completion.services)
]


def surroundings(context: typer.Context) -> Surroundings:
    """What this command may touch, as handed to ``main``."""
    found = context.find_object(Surroundings)
    return found if found is not None else Surroundings()


def seconds(text: str) -> float:
    """A duration as people write it, ``250ms`` or ``5m`` or plain seconds, for ``parser=``."""
    from homeport.durations import parse_duration

    try:
        return parse_duration(text)
    except Exception as error:
        raise typer.BadParameter(str(error)) from None
