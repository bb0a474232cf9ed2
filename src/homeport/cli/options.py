"""The options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

from homeport.cli import completion
from homeport.cli.parameters import argument, option

COMMON = "Common options"


def flag(*names: str, help: str, panel: str | None = None) -> Any:
    """A switch, which has no value whose name help could show."""
    return option(*names, metavar="", help=help, panel=panel)


Node = Annotated[
    str | None,
    option(
        "--node",
        metavar="NODE",
        help="Name, data folder or endpoint of the node. Default: the one that runs here.",
        panel=COMMON,
        complete=completion.nodes,
    ),
]
Json = Annotated[bool, flag("--json", help="Print JSON for programs; errors are problem objects.", panel=COMMON)]
ServiceName = Annotated[str, argument(metavar="SERVICE", help="Name of a service.", complete=completion.services)]
OptionalServiceName = Annotated[
    str | None, argument(metavar="SERVICE", help="Name of a service.", complete=completion.services)
]


def seconds(text: str) -> float:
    """A duration as people write it, ``250ms`` or ``5m`` or plain seconds, for ``parser=``."""
    from homeport.durations import parse_duration

    return parse_duration(text)


def share(text: str) -> float:
    """A share as people write it, ``10%`` or ``0.1``, for ``parser=``.

    Raises:
        ValueError: it is none, or not from 0% to below 100%.
    """
    number = text.strip()
    try:
        value = float(number[:-1]) / 100 if number.endswith("%") else float(number)
    except ValueError:
        raise ValueError(f"{text!r} is not a share; write 10% or 0.1") from None
    if not 0 <= value < 1:
        raise ValueError(f"{text} is not from 0% to below 100%")
    return value


InstanceName = Annotated[str, argument(metavar="INSTANCE", help="Id of an instance.", complete=completion.instances)]
Surge = Annotated[
    int, option("--max-surge", metavar="N", min=1, help="How many instances of a service change at a time.")
]
Soak = Annotated[
    float,
    option(metavar="DURATION", parser=seconds, help="How long new instances are observed before old ones leave."),
]
