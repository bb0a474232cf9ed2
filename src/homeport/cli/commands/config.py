"""``homeport config``: the settings in force, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from homeport.cli import options
from homeport.cli.parameters import Group, option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.config import Loaded


def show(
    surroundings: Surroundings,
    origin: Annotated[bool, options.flag("--origin", help="Say where each value comes from.")] = False,
    changed: Annotated[bool, options.flag("--changed", help="Leave out the defaults.")] = False,
    assignments: Annotated[
        list[str] | None,
        option("--set", metavar="KEY=VALUE", help="As for run: see what it would change."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Print every setting.

    As it would be in force for a `homeport run` in this folder. Secrets are not shown.

    Examples:

      homeport config show --origin
      homeport config show --changed --set node.port=7171
    """
    from homeport.cli.terminal import Terminal
    from homeport.config import load

    loaded = load(
        surroundings.cwd(),
        surroundings.environ,
        assignments=assignments or (),
        read_env_file=True,
        package=surroundings.package,
    )
    settings = _settings(loaded)
    if changed:
        settings = {path: value for path, value in settings.items() if path in loaded.origins}
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(
            {path: {"value": value, "origin": loaded.origin(path)} for path, value in settings.items()}
            if origin
            else settings
        )
        return
    _print(terminal, loaded, settings, origin)


config = Group(help="Show the settings in force.", commands={"show": show})


def _settings(loaded: Loaded) -> dict[str, Any]:
    """Dotted path → plain value, secrets replaced, in the order they are declared."""
    from homeport.config import redacted, walk

    found: dict[str, Any] = {}
    walk(redacted(loaded.config), found.__setitem__)
    return found


def _print(terminal: Terminal, loaded: Loaded, settings: dict[str, Any], origin: bool) -> None:
    import json

    from rich.markup import escape

    from homeport.cli.table import Column, print_table

    terminal.note(f"[dim]{escape(str(loaded.file)) if loaded.file else 'no homeport.toml or pyproject.toml found'}[/]")
    rows = [
        [
            escape(path) if path in loaded.origins else f"[dim]{escape(path)}[/]",
            escape(json.dumps(value, ensure_ascii=False, default=str)),
            f"[dim]{escape(loaded.origin(path))}[/]" if origin else "",
        ]
        for path, value in settings.items()
    ]
    if rows:
        print_table(terminal, [Column("SETTING"), Column("VALUE", flexible=True), Column("FROM", flexible=True)], rows)
    else:
        terminal.say("all settings have their defaults")
