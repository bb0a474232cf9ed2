"""Names from the running node for the shell's Tab key: quick, or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import typer

from homeport.cli.surroundings import Client, Surroundings

PATIENCE = 0.6  # seconds; a shell that hangs on Tab is worse than one that completes nothing

T = TypeVar("T")


def services(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of services, with what they say of themselves."""
    found = _ask(context, lambda client: client.registry.services())
    return [(summary.name, _first_line(summary.doc)) for summary in found or () if summary.name.startswith(incomplete)]


def methods(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of the form ``service.method``; the services alone until a dot is typed."""
    found = _ask(context, lambda client: client.registry.services()) or []
    if "." not in incomplete:
        near = [summary for summary in found if summary.name.startswith(incomplete)]
        if len(near) != 1:
            return [(f"{summary.name}.", _first_line(summary.doc)) for summary in near]
        found = near
    names = [f"{summary.name}.{method}" for summary in found for method in summary.methods]
    return [(name, "") for name in names if name.startswith(incomplete)]


def names(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Services and instances: what ``why`` can explain."""
    found = _ask(context, lambda client: client.registry.instances()) or []
    known = {instance.service: "service" for instance in found} | {instance.id: "instance" for instance in found}
    return [(name, kind) for name, kind in sorted(known.items()) if name.startswith(incomplete)]


def instances(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Ids of instances, with their state."""
    found = _ask(context, lambda client: client.registry.instances()) or []
    return [(one.id, str(one.state)) for one in sorted(found, key=lambda one: one.id) if one.id.startswith(incomplete)]


def deploy_words(incomplete: str) -> list[tuple[str, str]]:
    """What to do with a rollout, beside naming new code."""
    words = {
        "status": "how far it is",
        "promote": "let what is on trial take over",
        "rollback": "run again what ran before",
    }
    return [(word, help) for word, help in words.items() if word.startswith(incomplete)]


def nodes(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names of the nodes this user runs."""
    try:
        from homeport.nodes import running_nodes

        found = running_nodes((context.find_object(Surroundings) or Surroundings()).environ)
    except Exception:
        return []
    return [(node.name, str(node.data)) for node in found if node.name.startswith(incomplete)]


def _ask(context: typer.Context, question: Callable[[Client], Awaitable[T]]) -> T | None:
    """The node's answer, or None for whatever reason: completion never complains."""
    import asyncio

    surroundings = context.find_object(Surroundings) or Surroundings()
    node = context.params.get("node")

    async def ask() -> T:
        async with asyncio.timeout(PATIENCE):
            async with surroundings.connect(node) as client:
                return await question(client)

    try:
        return asyncio.run(ask())
    except Exception:
        return None


def _first_line(doc: str) -> str:
    return doc.strip().split("\n", 1)[0]
