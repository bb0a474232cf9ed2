"""Names from the running node for the shell's Tab key: quick, or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from homeport.cli.surroundings import Client, Surroundings

PATIENCE = 0.6  # seconds; a shell that hangs on Tab is worse than one that completes nothing

T = TypeVar("T")


def services(surroundings: Surroundings, node: str | None, incomplete: str) -> list[tuple[str, str]]:
    """Names of services, with what they say of themselves."""
    found = _ask(surroundings, node, lambda client: client.registry.services())
    return [(summary.name, _first_line(summary.doc)) for summary in found or () if summary.name.startswith(incomplete)]


def methods(surroundings: Surroundings, node: str | None, incomplete: str) -> list[tuple[str, str]]:
    """Names of the form ``service.method``; the services alone until a dot is typed."""
    found = _ask(surroundings, node, lambda client: client.registry.services()) or []
    if "." not in incomplete:
        near = [summary for summary in found if summary.name.startswith(incomplete)]
        if len(near) != 1:
            return [(f"{summary.name}.", _first_line(summary.doc)) for summary in near]
        found = near
    names = [f"{summary.name}.{method}" for summary in found for method in summary.methods]
    return [(name, "") for name in names if name.startswith(incomplete)]


def names(surroundings: Surroundings, node: str | None, incomplete: str) -> list[tuple[str, str]]:
    """Services and instances: what ``why`` can explain."""
    found = _ask(surroundings, node, lambda client: client.registry.instances()) or []
    known = {instance.service: "service" for instance in found} | {instance.id: "instance" for instance in found}
    return [(name, kind) for name, kind in sorted(known.items()) if name.startswith(incomplete)]


def instances(surroundings: Surroundings, node: str | None, incomplete: str) -> list[tuple[str, str]]:
    """Ids of instances, with their state."""
    found = _ask(surroundings, node, lambda client: client.registry.instances()) or []
    return [(one.id, str(one.state)) for one in sorted(found, key=lambda one: one.id) if one.id.startswith(incomplete)]


def deploy_words(_: Surroundings, node: str | None, incomplete: str) -> list[tuple[str, str]]:
    """What to do with a rollout, beside naming new code."""
    words = {
        "status": "how far it is",
        "promote": "let what is on trial take over",
        "rollback": "run again what ran before",
    }
    return [(word, help) for word, help in words.items() if word.startswith(incomplete)]


def nodes(surroundings: Surroundings, node: str | None, incomplete: str) -> list[tuple[str, str]]:
    """Names of the nodes this user runs."""
    try:
        from homeport.nodes import running_nodes

        found = running_nodes(surroundings.environ)
    except Exception:
        return []
    return [(node.name, str(node.data)) for node in found if node.name.startswith(incomplete)]


def _ask(surroundings: Surroundings, node: str | None, question: Callable[[Client], Awaitable[T]]) -> T | None:
    """The node's answer, or None for whatever reason: completion never complains."""
    import asyncio

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
