"""``homeport why``: the story of a service or an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from homeport.cli import completion, options

if TYPE_CHECKING:
    from homeport.cli.terminal import Terminal
    from homeport.registry.api import Story, StoryEntry


def why(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A service or an instance, gone or not.", autocompletion=completion.names),
    ],
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, help="How many entries to show.")] = 20,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Tell why something is as it is.

    What happened to a service or an instance, who did it, and on what evidence.

    Examples:

      homeport why payments
      homeport why payments-3f9c2a --json
    """
    from homeport.cli.asking import ask
    from homeport.cli.terminal import Terminal

    surroundings = options.surroundings(context)
    story = ask(surroundings, node, lambda client: client.registry.why(name))
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(story)
    else:
        _tell(terminal, story, last, surroundings.wall())


def _tell(terminal: Terminal, story: Story, last: int, now: float) -> None:
    from rich.markup import escape

    terminal.say(f"[name]{escape(story.name)}[/]: {escape(story.summary)}")
    entries = story.entries[-last:]
    if hidden := len(story.entries) - len(entries):
        terminal.say("", f"[dim]{hidden} older left out; --last {len(story.entries)} shows all[/]")
    elif entries:
        terminal.say("")
    several = len({entry.instance for entry in entries if entry.instance}) > 1
    for entry in entries:
        _tell_entry(terminal, entry, several, now)


def _tell_entry(terminal: Terminal, entry: StoryEntry, several: bool, now: float) -> None:
    from rich.markup import escape

    from homeport.cli.human import moment

    cause = entry.cause
    event = entry.event if terminal.symbols.arrow in entry.event else entry.event.replace("→", terminal.symbols.arrow)
    parts = [f"[dim]{moment(cause.at, now)}[/]"]
    parts += [escape(entry.instance)] if several and entry.instance else []
    parts.append(f"[bold]{escape(event)}[/]")
    told = f"{cause.what}, by {cause.actor}" if cause.what and cause.what != entry.event else f"by {cause.actor}"
    terminal.say("  ".join(parts) + f"  {escape(told)}")
    for line in cause.evidence.strip().splitlines():
        terminal.say(f"          [dim]{terminal.symbols.bar} {escape(line)}[/]")
