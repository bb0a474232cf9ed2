"""``homeport graph``: who calls whom, as a tree or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from homeport.cli import options
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeport.build.analyzer.graph import ServiceGraph
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.cli.terminal import Terminal

Format = Literal["text", "svg", "mermaid", "dot", "json"]
SUFFIXES: dict[str, Format] = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".json": "json",
    ".txt": "text",
}


def graph(
    surroundings: Surroundings,
    target: Annotated[str, argument(metavar="TARGET", help="A folder, a module, module:Class or module:app.")] = "",
    format: Annotated[Format | None, option("--format", "-f", help="Default: as FILE is called, or else text.")] = None,
    output: Annotated[Path | None, option("--output", "-o", metavar="FILE", help="Write to FILE instead.")] = None,
    show: Annotated[bool, options.flag("--open", help="Show the picture in the browser.")] = False,
    live: Annotated[bool, options.flag("--live", help="What the node runs, instead of TARGET's source.")] = False,
    node: options.Node = None,
    as_json: options.Json = False,
) -> int:
    """Draw who calls whom.

    Reads the source of TARGET and imports nothing. Says what nothing goes without, and which services form cycles.
    `--live` or `--node` draws what runs. Ends with 1 if the source has errors; what could be read is drawn.

    Examples:

      homeport graph
      homeport graph shop --open
      homeport graph shop -o docs/shop.svg
      homeport graph --live --format mermaid
    """
    from homeport.cli.files import write_text
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    found = _running(surroundings, node) if live or node is not None else _written(target, surroundings)
    chosen = _format(format, output, as_json)
    if output is not None:
        write_text(surroundings.cwd() / output, _rendered(found, chosen))
        terminal.note(f"{terminal.symbols.ok} {output} ({chosen})")
    elif chosen == "text" and not show:
        _print(terminal, found.graph)
    elif not show:
        terminal.raw(_rendered(found, chosen).rstrip("\n").encode())
    if show:
        _show(terminal, surroundings.cwd() / output if output is not None else _page(found))
    if found.errors:
        terminal.note(
            f"{found.errors} in the source, so that something may be missing; next: homeport check {target}".rstrip()
        )
    return 1 if found.errors else 0


class _Found(NamedTuple):
    """What is drawn."""

    title: str
    graph: ServiceGraph
    data: Path  # the data folder of the node that runs it, or would
    errors: str = ""  # how many there are in the source


def _written(target: str, surroundings: Surroundings) -> _Found:
    from homeport.build.analyzer.graph import service_graph
    from homeport.cli.human import plural
    from homeport.cli.target import data_of, read_application, without_errors

    application = read_application(target, surroundings)
    plan = application.plan
    if not plan.services:
        without_errors(plan)
    errors = sum(finding.severity == "error" for finding in plan.findings)
    drawn = service_graph(plan, layout=application.loaded.config.node.layout)
    data = data_of(target, surroundings, application.loaded)
    return _Found(application.name, drawn, data, plural(errors, "error") if errors else "")


def _running(surroundings: Surroundings, node: str | None) -> _Found:
    from homeport.cli.asking import ask
    from homeport.cli.running_graph import running_graph
    from homeport.nodes import data_folder

    async def question(client: Client) -> _Found:
        summaries = await client.registry.services()
        status = await client.node.status()
        workers = [worker.services for worker in status.workers]
        graph = running_graph(summaries, await client.registry.instances(""), workers)
        return _Found(status.name, graph, Path(status.data))

    found = ask(surroundings, node, question)
    here = surroundings.cwd()
    return found if found.data.is_dir() else found._replace(data=data_folder(here, here))  # that may be far away


def _format(asked: Format | None, output: Path | None, as_json: bool) -> Format:
    from homeport.errors import UsageError

    if asked is not None:
        return asked
    if output is None:
        return "json" if as_json else "text"
    if output.suffix.lower() not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise UsageError(f"{str(output)!r} does not say which format is wanted; end it in {known}, or give --format")
    return SUFFIXES[output.suffix.lower()]


def _rendered(found: _Found, format: Format) -> str:
    import msgspec

    from homeport.build.generator import dot, mermaid, svg, tree

    graph = found.graph
    if format == "svg":
        return svg.svg(graph, title=found.title)
    if format == "json":
        return msgspec.json.format(msgspec.json.encode(graph), indent=2).decode() + "\n"
    if format == "text":
        return "".join(f"{line}\n" for line in tree.lines(graph))
    drawn: dict[str, Callable[[ServiceGraph], str]] = {"mermaid": mermaid.mermaid, "dot": dot.dot}
    return drawn[format](graph)


def _page(found: _Found) -> Path:
    """One file for each application, drawn anew each time: a browser reads it after this command has ended."""
    from homeport.build.generator.svg import page
    from homeport.cli.files import write_text

    file = found.data / "graph.html"
    write_text(file, page(found.graph, title=found.title))
    return file


def _show(terminal: Terminal, file: Path) -> None:
    import webbrowser

    if webbrowser.open(file.as_uri()):
        terminal.note(f"{terminal.symbols.ok} opened {file}")
    else:
        terminal.note(f"no browser could be started here; the picture is {file}")


def _print(terminal: Terminal, graph: ServiceGraph) -> None:
    from rich.text import Text

    from homeport.build.generator import tree
    from homeport.cli.terminal import ASCII

    strokes = tree.ASCII if terminal.symbols is ASCII else tree.UNICODE
    for row in tree.rows(graph, strokes):
        style = "red" if row.service.kind == "missing" else "yellow" if row.service.critical else "bold"
        notes = f"  {row.notes}" if row.notes else ""
        terminal.say(Text.assemble((row.lead, "bright_black"), (row.service.name, style), (notes, "bright_black")))
    terminal.say("")
    for line in tree.summary(graph):
        terminal.say(Text(line))
