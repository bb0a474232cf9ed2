"""The commands as typer knows them: for help, completion, and to say what is wrong with what was typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import Parameter as Place
from inspect import Signature, cleandoc
from typing import Annotated, Any

import typer

from homeport.cli.commands import COMMANDS, load
from homeport.cli.parameters import REQUIRED, Command, Complete, Group, Parameter, parameters
from homeport.cli.surroundings import Surroundings


def build(names: Iterable[str] | None = None) -> typer.Typer:
    """The commands of these names, or all of them, in the order that help lists them."""
    app = typer.Typer(
        name="homeport",
        help="A service registry that runs your services.",
        epilog="Start with `homeport new shop`, or `homeport run FOLDER` where your services are.",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(lambda: None)  # else typer would take a command that is alone for the program
    chosen = None if names is None else frozenset(names)
    for panel, known in COMMANDS.items():
        for name in known:
            if chosen is None or name in chosen:
                _add(app, name, load(name), panel)
    return app


def _add(app: typer.Typer, name: str, command: Command | Group, panel: str) -> None:
    if not isinstance(command, Group):
        app.command(name, rich_help_panel=panel)(_as_typer_has_it(command))
        return
    group = typer.Typer(help=command.help)
    group.callback()(lambda: None)
    for below, function in command.commands.items():
        group.command(below)(_as_typer_has_it(function))
    app.add_typer(group, name=name, rich_help_panel=panel)


def _as_typer_has_it(command: Command) -> Callable[..., int | None]:
    def run(context: typer.Context, **given: Any) -> int | None:
        return command(_surroundings(context), **given)

    places = [Place("context", Place.KEYWORD_ONLY, annotation=typer.Context)]
    for parameter in parameters(command):
        default = Place.empty if parameter.default is REQUIRED else parameter.default
        places.append(Place(parameter.name, Place.KEYWORD_ONLY, default=default, annotation=_annotation(parameter)))
    run.__doc__ = _flowing(command.__doc__ or "")
    run.__signature__ = Signature(places)  # type: ignore[attr-defined]  # which inspect reads
    run.__annotations__ = {place.name: place.annotation for place in places}
    return run


def _flowing(text: str) -> str:
    """``text`` with each paragraph in one line, since typer keeps the line ends of the source; examples stay."""
    paragraphs = cleandoc(text).split("\n\n")
    return "\n\n".join(one if one.startswith(" ") else one.replace("\n", " ") for one in paragraphs)


def _annotation(parameter: Parameter) -> Any:
    kind = list[parameter.type] if parameter.several else parameter.type  # type: ignore[name-defined]
    if parameter.default is None:
        kind = kind | None
    declared = parameter.declared
    shared: dict[str, Any] = {
        "metavar": declared.metavar,
        "help": declared.help,
        "min": declared.min,
        "autocompletion": declared.complete and _completing(declared.complete),
        "show_default": declared.show_default,
        "rich_help_panel": declared.panel,
    }
    if not declared.option:
        return Annotated[kind, typer.Argument(**shared)]
    return Annotated[
        kind, typer.Option(*declared.names, parser=declared.parser and _telling(declared.parser), **shared)
    ]


def _completing(complete: Complete) -> Callable[[typer.Context, str], list[tuple[str, str]]]:
    def words(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        return complete(_surroundings(context), context.params.get("node"), incomplete)

    words.__annotations__ = {"context": typer.Context, "incomplete": str}
    return words


def _telling(parser: Callable[[str], Any]) -> Callable[[str], Any]:
    """The parser, with its complaint in the form that typer passes on."""

    def parse(text: str) -> Any:
        try:
            return parser(text)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None

    return parse


def _surroundings(context: typer.Context) -> Surroundings:
    """What the command may touch, as handed to ``main``."""
    return context.find_object(Surroundings) or Surroundings()
