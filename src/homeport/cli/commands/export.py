"""``homeport export``: files with which other process managers run the application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from homeport.cli import options
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from homeport.build.packager.deployment.place import Place
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.target import Application

Kind = Literal["dockerfile", "compose", "systemd"]
USUAL = {"dockerfile": "Dockerfile", "compose": "compose.yaml", "systemd": "{label}.service"}


def export(
    surroundings: Surroundings,
    kind: Annotated[Kind, argument(metavar="dockerfile|compose|systemd", help="What to write.")],
    target: Annotated[str, argument(metavar="TARGET", help="A folder, a module, module:Class or module:app.")] = ".",
    output: Annotated[
        Path | None,
        option("--output", "-o", metavar="FILE", help="Write it there; a folder gets it under its usual name."),
    ] = None,
    name: Annotated[str, option(metavar="NAME", help="Of the artefact; default: as the project is called.")] = "",
    program: Annotated[str, option(metavar="PATH", help="Where the artefact is installed, for systemd.")] = "",
    force: Annotated[bool, options.flag("--force", help="Overwrite the file.")] = False,
    as_json: options.Json = False,
) -> None:
    """Write a Dockerfile, a compose file or a systemd unit.

    They run what `homeport build` makes of TARGET, with a user of its own,
    its data kept, its health looked at, and time to end in order.

    Examples:

      homeport export dockerfile -o .
      homeport export compose -o .
      homeport export systemd shop --program /opt/shop/shop
    """
    from homeport.cli.files import write_text
    from homeport.cli.findings import from_here
    from homeport.cli.target import read_application, without_errors
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    application = read_application(target, surroundings)
    without_errors(application.plan)
    place = _place(application, surroundings, target, name)
    files = _files(kind, place, program, surroundings.cwd() / output if output is not None else None)
    if as_json:
        terminal.value({str(file): text for file, text in files.items()})
    elif output is None:
        terminal.raw(next(iter(files.values())).rstrip("\n").encode())
    if output is None:
        return
    for file, text in files.items():
        _refuse_to_overwrite(file, text, force)
        write_text(file, text)
        terminal.note(f"[green]{terminal.symbols.ok}[/] {from_here(file)}")


def _files(kind: Kind, place: Place, program: str, output: Path | None) -> dict[Path, str]:
    """What to write, the file that was asked for first."""
    from homeport.build.packager.deployment.compose import compose
    from homeport.build.packager.deployment.dockerfile import dockerfile, ignored_files
    from homeport.build.packager.deployment.systemd import systemd

    usual = USUAL[kind].format(label=place.label)
    file = Path(usual) if output is None else output / usual if output.is_dir() else output
    if kind == "systemd":
        return {file: systemd(place, program)}
    if kind == "compose":
        return {file: compose(place)}
    return {file: dockerfile(place), file.with_name(f"{file.name}.dockerignore"): ignored_files()}


def _place(application: Application, surroundings: Surroundings, target: str, name: str) -> Place:
    import sys

    from homeport import __version__
    from homeport.build.analyzer.graph import service_graph
    from homeport.build.packager.deployment.libraries import libraries_of
    from homeport.build.packager.deployment.origin import origin_of
    from homeport.build.packager.deployment.place import Place
    from homeport.build.packager.project import project_of
    from homeport.cli.files import read_text

    plan, config = application.plan, application.loaded.config
    project = project_of(plan, application.loaded.file, name)
    return Place(
        name=project.name,
        target=_from_project(target, surroundings.cwd().resolve(), project.folder),
        python=".".join(map(str, sys.version_info[:2])),
        homeport=origin_of(__version__, _direct_url()),
        port=config.node.port or 7070,  # 0 is any free one, which could not be published
        tls=bool(config.node.tls_certificate),
        token=bool(config.node.token),
        drain_timeout=config.node.drain_timeout,
        stages=len(service_graph(plan, layout="single").start_order),
        libraries=libraries_of(*(read_text(project.folder / name) for name in ("pyproject.toml", "requirements.txt"))),
    )


def _from_project(target: str, cwd: Path, project: Path) -> str:
    """TARGET as it is spelt in the project's folder; a module is the same everywhere."""
    path, colon, attribute = target.partition(":")
    place = (cwd / path).resolve()
    if not place.exists() or not place.is_relative_to(project):
        return target
    return f"{place.relative_to(project)}{colon}{attribute}"


def _direct_url() -> str | None:
    """What the installer has recorded, when Homeport did not come from an index."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        return distribution("homeport").read_text("direct_url.json")
    except PackageNotFoundError:
        return None


def _refuse_to_overwrite(file: Path, text: str, force: bool) -> None:
    from homeport.cli.errors import CommandError
    from homeport.cli.files import read_text

    if not force and file.exists() and read_text(file) != text:
        raise CommandError(
            f"{file} is there already, and not as it would be written now; --force overwrites it",
            kind="file_exists",
            next="compare them first: leave out -o to see it",
        )
