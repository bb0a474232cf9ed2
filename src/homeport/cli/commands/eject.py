"""``homeport eject``: have nobody call an instance for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.model import Instance
    from homeport.registry.api import Done

ACTOR = "homeport eject"


def eject(
    surroundings: Surroundings,
    instance: options.InstanceName,
    seconds: Annotated[
        float, option("--for", metavar="DURATION", parser=options.seconds, help="How long it stays away.")
    ] = "1m",  # type: ignore[assignment]  # a textual default goes through the parser
    undo: Annotated[bool, options.flag("--undo", help="Let it be called again now.")] = False,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Keep callers away from an instance for a while.

    It goes on running, to be looked at; calls that it has are finished.

    Examples:

      homeport eject payments-3f9c2a --for 10m
      homeport eject payments-3f9c2a --undo
    """
    from homeport.cli.asking import ask
    from homeport.cli.human import duration
    from homeport.cli.terminal import Terminal

    done, others = ask(surroundings, node, lambda client: _eject(client, instance, seconds, undo))
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(
            {
                "instance": instance,
                "ejected": not undo,
                "seconds": 0.0 if undo else seconds,
                "revision": done.revision,
                "durability": done.durability,
            }
        )
    elif undo:
        terminal.say(f"[name]{instance}[/] may be called again")
    else:
        terminal.say(f"[name]{instance}[/] is called by nobody for {duration(seconds)}; --undo lets it back in")
        if not others:
            terminal.note(f"[yellow]{terminal.symbols.warn}[/] no other instance is ready: calls wait for one")


async def find(client: Client, name: str) -> Instance:
    """The instance of this name.

    Raises:
        CommandError: there is none.
    """
    from homeport.cli.errors import CommandError, ExitCode
    from homeport.errors import near_names

    instances = {instance.id: instance for instance in await client.registry.instances()}
    if name in instances:
        return instances[name]
    of_service = [instance.id for instance in instances.values() if instance.service == name.replace("-", "_")]
    near = of_service or near_names(name, list(instances))
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    raise CommandError(
        f"no instance {name!r} runs here{hint}",
        exit_code=ExitCode.NO_SUCH_NAME,
        kind="unknown_instance",
        next="homeport ps",
    )


async def _eject(client: Client, name: str, seconds: float, undo: bool) -> tuple[Done, int]:
    """Also how many other instances of the service are ready."""
    from homeport.model import Cause

    found = await find(client, name)
    cause = Cause(what="let in again by operator" if undo else "ejected by operator", actor=ACTOR)
    if undo:
        done = await client.registry.readmit(name, cause)
    else:
        done = await client.registry.eject(name, seconds, cause)
    others = [one for one in await client.registry.instances(found.service) if one.id != name and one.state == "ready"]
    return done, len(others)
