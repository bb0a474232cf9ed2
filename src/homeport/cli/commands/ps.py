"""``homeport ps``: every instance, and who waits for whom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from homeport.cli import options
from homeport.cli.causes import gist

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.model import Instance
    from homeport.node.api import NodeStatus, WorkerStatus

FRONT = "(front)"  # what stands for it among those that the node waits for


def ps(surroundings: Surroundings, node: options.Node = None, as_json: options.Json = False) -> None:
    """List instances, and who waits for whom.

    Workers that crash before they register are listed too, with why.

    Examples:

      homeport ps
      homeport ps --json | jq '.instances[] | select(.state != "ready")'
    """
    from homeport.cli.asking import ask
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(ask(surroundings, node, _look_closely))
        return
    status, instances = ask(surroundings, node, _look)
    _print(terminal, status, instances, surroundings.wall())


async def _look(client: Client) -> tuple[NodeStatus, list[Instance]]:
    status, instances = await asyncio.gather(client.node.status(), client.registry.instances())
    return status, sorted(instances, key=lambda instance: (instance.service, instance.since, instance.id))


async def _look_closely(client: Client) -> dict[str, object]:
    """With what each instance has answered since its start."""
    (status, instances), counters = await asyncio.gather(_look(client), client.registry.counters())
    return {"node": status, "instances": instances, "counters": counters}


def _print(terminal: Terminal, status: NodeStatus, instances: list[Instance], now: float) -> None:
    from rich.markup import escape

    from homeport.cli.human import duration
    from homeport.cli.table import Column, print_table

    dot = f" {terminal.symbols.dot} "
    head = [f"[name]{escape(status.name)}[/]", "ready" if status.ready else "[yellow]not ready[/]"]
    head += [status.url] if status.url else []
    head += [f"up {duration(now - status.started)}", f"pid {status.pid}"]
    terminal.say(dot.join(head), "")
    workers = {worker.name: worker for worker in status.workers}
    rows = [_instance_row(instance, workers.get(instance.worker), status, now) for instance in instances]
    hosting = {instance.worker for instance in instances}
    rows += [_worker_row(worker, now) for worker in status.workers if worker.name not in hosting]
    columns = [
        Column("INSTANCE"),
        Column("STATE"),
        Column("FOR", rank=1, right=True),
        Column("PID", rank=3, right=True),
        Column("MEMORY", rank=4, right=True),
        Column("RESTARTS", rank=5, right=True),
        Column("NOTE", flexible=True),
        Column("ENDPOINT", rank=6, flexible=True),
    ]
    if rows:
        print_table(terminal, columns, rows)
    else:
        terminal.say("nothing runs here yet")
    if FRONT in status.waiting:
        terminal.say("", f"[yellow]HTTP:[/] {escape(status.waiting[FRONT])}")
    if status.reload_error:
        terminal.say("", f"[red]reload:[/] {escape(status.reload_error)}")


def _instance_row(instance: Instance, worker: WorkerStatus | None, status: NodeStatus, now: float) -> list[str]:
    from rich.markup import escape

    from homeport.cli.human import age, memory
    from homeport.cli.terminal import state_markup

    endpoint = instance.endpoints[0] if instance.endpoints else ""
    return [
        escape(instance.id),
        state_markup(instance.state),
        age(now - instance.since),
        str(instance.pid or (worker.pid if worker else 0) or ""),
        memory(worker.memory_bytes) if worker else "",
        str(worker.restarts) if worker and worker.restarts else "",
        escape(_note(instance, status)),
        f"[dim]{escape(endpoint)}[/]",
    ]


def _note(instance: Instance, status: NodeStatus) -> str:
    if instance.state == "ready":
        return "outside" if instance.outside else ""
    if instance.waiting_for:
        return f"waiting for: {', '.join(instance.waiting_for)}"
    if instance.cause:
        return gist(instance.cause)
    return status.waiting.get(instance.service, "")


def _worker_row(worker: WorkerStatus, now: float) -> list[str]:
    from rich.markup import escape

    from homeport.cli.human import age, duration, memory
    from homeport.cli.terminal import state_markup

    note = gist(worker.cause) if worker.cause else ""
    if worker.retry_at > now:
        note = (
            f"again in {duration(worker.retry_at - now)}: {note}"
            if note
            else f"again in {duration(worker.retry_at - now)}"
        )
    return [
        escape(worker.name),
        state_markup(worker.state),
        age(now - worker.started) if worker.started else "",
        str(worker.pid or ""),
        memory(worker.memory_bytes),
        str(worker.restarts or ""),
        escape(note),
        "",
    ]
