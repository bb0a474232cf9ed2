"""``homeport why``: the story of a service or an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import completion, options
from homeport.cli.human import moment
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.registry.api import Story, StoryEntry


def why(
    surroundings: Surroundings,
    name: Annotated[
        str,
        argument(metavar="NAME", help="A service or an instance, gone or not.", complete=completion.names),
    ],
    last: Annotated[int, option("--last", metavar="N", min=1, help="How many entries to show.")] = 20,
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

    story = ask(surroundings, node, lambda client: client.registry.why(name))
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(story)
    else:
        _tell(terminal, story, last, surroundings.wall())


def _tell(terminal: Terminal, story: Story, last: int, now: float) -> None:
    from rich.markup import escape

    name = f"[name]{escape(story.name)}[/]"
    summary = escape(story.summary)
    terminal.say(summary.replace(story.name, name, 1) if story.name in summary else f"{name}: {summary}")
    entries = story.entries[-last:]
    hidden = len(story.entries) - len(entries)
    terminal.say(*["", f"[dim]{hidden} older left out; --last {len(story.entries)} shows all[/]"] if hidden else [""])
    several = len({entry.instance for entry in entries if entry.instance}) > 1
    arrow = terminal.symbols.arrow
    cells = [
        (
            moment(entry.cause.at, now),
            entry.instance if several else "",
            entry.event.replace("→", arrow),
            _told(entry),
        )
        for entry in entries
    ]
    widths = [max(map(len, column), default=0) for column in zip(*cells, strict=True)]
    for entry, (when, instance, event, told) in zip(entries, cells, strict=True):
        who = f"{escape(instance.ljust(widths[1]))}  " if several else ""
        terminal.say(f"[dim]{when.rjust(widths[0])}[/]  {who}[bold]{escape(event.ljust(widths[2]))}[/]  {escape(told)}")
        for line in entry.cause.evidence.strip().splitlines():
            terminal.say(f"{' ' * (widths[0] + 2)}[dim]{terminal.symbols.bar} {escape(line)}[/]")


def _told(entry: StoryEntry) -> str:
    """What the cause adds to the event: its kind unless the event says it, and who decided."""
    cause = entry.cause
    return f"by {cause.actor}" if not cause.what or cause.what in entry.event else f"{cause.what}, by {cause.actor}"
