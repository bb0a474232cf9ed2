"""``homeport new``: a small project that works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import argument

if TYPE_CHECKING:
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal

TRY = """greetings.hello '["Ada"]'"""


def new(
    surroundings: Surroundings,
    name: Annotated[str, argument(metavar="NAME", help="The folder to create; its last part names the node.")],
    as_json: options.Json = False,
) -> None:
    """Create a small project that works.

    Two services, settings, and a test that needs no node.

    Example:

      homeport new shop && cd shop && homeport run .
    """
    from homeport.cli.errors import CommandError, ExitCode
    from homeport.cli.scaffold.project import write_project
    from homeport.cli.terminal import Terminal

    here = surroundings.cwd()
    folder = here / name
    if not folder.resolve().name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise CommandError(
            f"{name!r} is no good name for a project: use letters, digits, - and _",
            exit_code=ExitCode.USAGE,
            kind="bad_name",
            next="homeport new shop",
        )
    try:
        written = write_project(folder.resolve())
    except FileExistsError:
        raise CommandError(
            f"{name!r} exists already and is not empty; nothing was written",
            exit_code=ExitCode.USAGE,
            kind="folder_exists",
            next=f"homeport new {name}-2",
        ) from None
    _tell(Terminal(json=as_json), folder, written, name)


def _tell(terminal: Terminal, folder: Path, written: list[Path], name: str) -> None:
    if terminal.json:
        terminal.value({"folder": str(folder.resolve()), "files": [path.name for path in written]})
        return
    terminal.say(f"created [name]{name}[/]")
    for path in written:
        terminal.say(f"  {path.name}")
    step = "" if folder.resolve() == Path.cwd().resolve() else f"cd {name} && "
    terminal.say("", "next:", f"  [command]{step}homeport run .[/]", f"  [command]homeport call {TRY}[/]")
