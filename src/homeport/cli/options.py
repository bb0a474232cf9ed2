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


def share(text: str) -> float:
    """A share as people write it, ``10%`` or ``0.1``, for ``parser=``."""
    number = text.strip()
    try:
        value = float(number[:-1]) / 100 if number.endswith("%") else float(number)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a share; write 10% or 0.1") from None
    if not 0 <= value < 1:
        raise typer.BadParameter(f"{text} is not from 0% to below 100%")
    return value


InstanceName = Annotated[
    str, typer.Argument(metavar="INSTANCE", help="Id of an instance.", autocompletion=completion.instances)
]
Surge = Annotated[
    int, typer.Option("--max-surge", metavar="N", min=1, help="How many instances of a service change at a time.")
]
Soak = Annotated[
    float,
    typer.Option(metavar="DURATION", parser=seconds, help="How long new instances are observed before old ones leave."),
]
