"""``homeport policy``: how calls to a service are made, and where each value comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import options

if TYPE_CHECKING:
    from homeport.balancing.policy import Setting
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.registry.api import ServiceAnswer


def policy(
    surroundings: Surroundings,
    service: options.ServiceName,
    changed: Annotated[bool, options.flag("--changed", help="Leave out the defaults.")] = False,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    r"""Print how calls to a service are made.

    Timeouts, retries, hedging, ejection, slow start and limits, as they are in force, for the service and each of its
    methods. They are set in homeport.toml, under \[services.NAME] and \[services.NAME.methods.METHOD].

    Examples:

      homeport policy payments
      homeport policy payments --changed
    """
    import json

    from rich.markup import escape

    from homeport.cli.asking import ask
    from homeport.cli.table import Column, print_table
    from homeport.cli.terminal import Terminal

    name = service.replace("-", "_")
    answer = ask(surroundings, node, lambda client: _look_up(client, name))
    settings = _in_force(answer, _origins(answer, surroundings))
    if changed:
        settings = [setting for setting in settings if setting.origin != "default"]
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value({setting.name: {"value": setting.value, "origin": setting.origin} for setting in settings})
    elif settings:
        rows = [
            [
                escape(setting.name) if setting.origin != "default" else f"[dim]{escape(setting.name)}[/]",
                escape(json.dumps(setting.value, ensure_ascii=False)),
                f"[dim]{escape(setting.origin)}[/]",
            ]
            for setting in settings
        ]
        print_table(terminal, [Column("SETTING"), Column("VALUE", flexible=True), Column("FROM", flexible=True)], rows)
    else:
        terminal.say("all settings have their defaults")


async def _look_up(client: Client, service: str) -> ServiceAnswer:
    from homeport.cli.commands.services import look_up

    await look_up(client, service)
    (answer,) = await client.registry.resolve([service])
    return answer


def _in_force(answer: ServiceAnswer, origins: dict[str, str]) -> list[Setting]:
    from homeport.balancing.policy import Declared, Policy, in_force

    methods = {
        method.name: Declared(timeout=method.timeout, idempotent=method.idempotent)
        for contract in answer.contracts[:1]
        for method in contract.methods
    }
    return list(in_force(answer.service, answer.policy or Policy(), methods, origins))


def _origins(answer: ServiceAnswer, surroundings: Surroundings) -> dict[str, str]:
    """Where the values come from: the settings found here, if the node was started with the same."""
    from homeport.balancing.policy import Policy
    from homeport.config import ServiceConfig, load
    from homeport.errors import ConfigError
    from homeport.worker.settings import call_policy

    policy = answer.policy or Policy()
    try:
        loaded = load(surroundings.cwd(), surroundings.environ, read_env_file=True)
    except ConfigError:
        return _of_the_node(answer.service, policy)
    here = call_policy(loaded.config.services.get(answer.service, ServiceConfig())) or Policy()
    return loaded.origins if here == policy else _of_the_node(answer.service, policy)


def _of_the_node(service: str, policy: object) -> dict[str, str]:
    """Every value that is not the default, as set when the node was started elsewhere or otherwise."""
    from homeport.balancing.policy import Policy
    from homeport.config import walk

    usual: dict[str, object] = {}
    set_there: dict[str, object] = {}
    walk(Policy(), usual.__setitem__)
    walk(policy, set_there.__setitem__)
    changed = [path for path, value in set_there.items() if value != usual.get(path)]
    return {f"services.{service}.{path}": "the node's settings" for path in changed}
