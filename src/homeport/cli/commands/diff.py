"""``homeport diff``: what changed between two states of an application, and who would notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import argument

if TYPE_CHECKING:
    from homeport.build.difference import ServiceChange
    from homeport.build.states import State
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal


def diff(
    surroundings: Surroundings,
    old: Annotated[
        str | None,
        argument(metavar="OLD", help="A file that `homeport build` made, or a TARGET. Default: what runs here."),
    ] = None,
    new: Annotated[str | None, argument(metavar="NEW", help="Likewise. Default: the source as it is now.")] = None,
    node: options.Node = None,
    as_json: options.Json = False,
) -> int:
    """Compare two states of an application.

    Services, the contracts of their methods, what they call, and their options. OLD and NEW may be artefacts, their
    .registry.json or registry.bin, folders, modules. Source is imported, in a process of its own, for its contracts.
    Ends with 1 if callers of OLD may fail against NEW.

    Examples:

      homeport diff
      homeport diff dist/shop.registry.json
      homeport diff shop-1.0 shop-1.1
    """
    from homeport.build.difference import difference
    from homeport.cli.terminal import Terminal

    before, source = (
        _running(surroundings, node) if old is None else (_read(old, surroundings), surroundings.target(""))
    )
    after = _read(new or source, surroundings)
    changes = difference(before.rows, after.rows)
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(changes)
    else:
        _print(terminal, changes, before.name, after.name)
        _warn(terminal, before, after)
    return 1 if any(change.breaking for change in changes) else 0


def _running(surroundings: Surroundings, node: str | None) -> tuple[State, str]:
    from homeport.cli.asking import ask
    from homeport.cli.running_state import running_state, target_of

    running = ask(surroundings, node, running_state)
    return running.state, target_of(running.plan)


def _read(named: str, surroundings: Surroundings) -> State:
    from homeport.build.states import of_plan, stored_state
    from homeport.cli.target import read_application, without_errors

    stored = stored_state(named, surroundings.cwd())
    return stored or of_plan(without_errors(read_application(named, surroundings).plan), named)


def _print(terminal: Terminal, changes: list[ServiceChange], before: str, after: str) -> None:
    from itertools import groupby

    from rich.markup import escape

    from homeport.cli.human import plural

    symbols = terminal.symbols
    for service, found in groupby(changes, key=lambda change: change.service):
        terminal.say(f"[name]{escape(service)}[/]")
        for change in found:
            mark = f"[red]{symbols.bad}[/]" if change.breaking else f"[dim]{symbols.dot}[/]"
            terminal.say(f"  {mark} {escape(change.what)}")
            if change.fix:
                terminal.say(f"    [dim]to keep old callers working:[/] {escape(change.fix)}")
        terminal.say("")
    breaking = sum(change.breaking for change in changes)
    between = f"[dim]({escape(before)} {symbols.arrow} {escape(after)})[/]"
    if not changes:
        terminal.say(f"no difference {between}")
    elif not breaking:
        terminal.say(f"[green]{plural(len(changes), 'change')}[/], none that callers would notice {between}")
    else:
        terminal.say(f"[red]{plural(breaking, 'breaking change')}[/] of {len(changes)} {between}")


def _warn(terminal: Terminal, before: State, after: State) -> None:
    """Of what could not be compared."""
    from rich.markup import escape

    for state in (before, after):
        unknown = sorted(name for name, row in state.rows.items() if row.contract is None)
        if unknown:
            why = f": {state.findings[0].message}" if state.findings else ""
            terminal.note(
                f"[yellow]{terminal.symbols.warn}[/] the methods of {escape(', '.join(unknown))} are not known in "
                f"{escape(state.name)}, and were not compared{escape(why)}"
            )
