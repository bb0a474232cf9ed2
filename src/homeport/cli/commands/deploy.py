"""``homeport deploy``: have another state of the code take over, losing no call; and decide on it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

from homeport.cli import completion, options
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.node.api import Deploy, NodeStatus, RolloutStatus

ACTOR = "homeport deploy"
TRIES = 12
WORDS = ("status", "promote", "rollback")


def deploy(
    surroundings: Surroundings,
    target: Annotated[
        str,
        argument(
            metavar="TARGET|status|promote|rollback",
            help="Folder, file, module or module:Class with the new code; or what to do with the rollout there is.",
            complete=completion.deploy_words,
        ),
    ] = "",
    surge: options.Surge = 1,
    soak: options.Soak = "5s",  # type: ignore[assignment]  # a textual default goes through the parser
    canary: Annotated[
        float,
        option(
            metavar="SHARE",
            parser=options.share,
            help="First give one new instance of each service this share of its calls, and wait for `promote`.",
        ),
    ] = "0",  # type: ignore[assignment]
    force: Annotated[bool, options.flag("--force", help="Even if callers notice a changed contract.")] = False,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Have new code take over, step by step, and back by itself.

    New instances are ready and observed before old ones leave. A contract that its callers would no longer fit is
    refused. `status` shows the rollout; `promote` ends a trial well; `rollback` takes back what runs or ran last.

    Examples:

      homeport deploy .
      homeport deploy shop --canary 10%
      homeport deploy promote
      homeport deploy rollback
    """
    from homeport.cli.asking import ask
    from homeport.cli.rollouts import conclude
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    if target == "status":
        _show(terminal, ask(surroundings, node, lambda client: client.node.rollout()))
        return
    if target in WORDS:
        status = ask(surroundings, node, lambda client: _decide(client, terminal, target, surge, soak))
    else:
        from homeport.cli.errors import misused
        from homeport.node.api import Deploy

        if not target and surroundings.package is None:
            raise misused("deploy", "TARGET", "say where the new code is, as in `homeport deploy .`")
        request = Deploy(
            target=surroundings.target(target),
            cwd=str(surroundings.cwd()),
            actor=ACTOR,
            surge=surge,
            soak=soak,
            share=canary,
            force=force,
        )
        status = ask(surroundings, node, lambda client: _deploy(client, terminal, request))
    if target == "rollback" and status.stage == "returned":
        _taken_back(terminal, status)
    else:
        conclude(
            terminal,
            status,
            f"release [name]{status.release}[/] runs",
            f"{surroundings.program} deploy {target} --force",
        )


async def _deploy(client: Client, terminal: Terminal, request: Deploy) -> RolloutStatus:
    from homeport.cli.rollouts import follow

    status = await follow(client, terminal, await _begin(client, terminal, request))
    if status.stage == "done":
        _warn(terminal, await client.node.status())
    return status


def _warn(terminal: Terminal, status: NodeStatus) -> None:
    """Say what a check says of the source that runs now."""
    from rich.markup import escape

    from homeport.cli.findings import finding_text

    for finding in status.findings:
        terminal.note(f"[yellow]{escape(finding_text(finding, status.root))}[/]")


async def _begin(client: Client, terminal: Terminal, request: Deploy) -> RolloutStatus:
    """A large application takes longer to copy than an answer may take; what is copied by then is not copied again."""
    from homeport.errors import DeadlineExceeded

    for _ in range(TRIES):
        with contextlib.suppress(DeadlineExceeded):
            return await client.node.deploy(request)
        terminal.note(f"the application is still being copied into a release{terminal.symbols.ellipsis}")
    return await client.node.deploy(request)


async def _decide(client: Client, terminal: Terminal, word: str, surge: int, soak: float) -> RolloutStatus:
    from homeport.cli.rollouts import follow

    actor = f"{ACTOR} {word}"
    if word == "promote":
        return await follow(client, terminal, await client.node.promote(actor))
    return await follow(client, terminal, await client.node.roll_back(surge, soak, actor))


def _taken_back(terminal: Terminal, status: RolloutStatus) -> None:
    if terminal.json:
        terminal.value({"event": "ended", "rollout": status})
    else:
        terminal.say(f"[green]{terminal.symbols.ok}[/] {status.id} is taken back: what ran before runs again")


def _show(terminal: Terminal, status: RolloutStatus | None) -> None:
    from rich.markup import escape

    from homeport.cli.rollouts import gist, place
    from homeport.cli.table import Column, print_table

    if terminal.json:
        terminal.value(status)
        return
    if status is None:
        terminal.say("nothing has been deployed or restarted yet; `homeport deploy TARGET` does")
        return
    dot = f" {terminal.symbols.dot} "
    head = [f"[name]{escape(status.id)}[/]", escape(status.line)]
    head += [f"release {escape(status.release)}"] if status.release else []
    head += [f"from {escape(status.target)}"] if status.target else []
    terminal.say(dot.join([*head, f"by {escape(status.actor)}"]))
    if status.error:
        more = status.differences or place(status.error)
        terminal.say(f"[red]why:[/] {escape(gist(status.error))}", *(f"  {escape(one)}" for one in more))
    rows = [
        [escape(one.service), one.stage, f"{one.new_ready}/{one.wanted}", str(one.old or "")] for one in status.services
    ]
    if rows:
        columns = [Column("SERVICE"), Column("STAGE"), Column("NEW READY", right=True), Column("OLD", right=True)]
        print_table(terminal, columns, rows)
