"""``homeport build``: make one file of an application, which runs where there is nothing else of it."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from homeport.build.diagnostics.finding import Finding
    from homeport.build.packager.artefact import Built, Order, Prepared
    from homeport.build.packager.environment import Environment
    from homeport.build.reflection import Reflection
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.target import Application
    from homeport.cli.terminal import Terminal

WHAT, HOW = "What is built", "How"


def build(
    surroundings: Surroundings,
    target: Annotated[str, argument(metavar="TARGET", help="A folder, a module, module:Class or module:app.")] = ".",
    output: Annotated[Path, option("--output", "-o", metavar="FOLDER", help="Where to put it.", panel=WHAT)] = Path(
        "dist"
    ),
    name: Annotated[
        str,
        option(metavar="NAME", help="Of the file; default: as the project is called.", panel=WHAT),
    ] = "",
    binary: Annotated[
        bool,
        options.flag("--binary", help="An executable that needs no Python where it runs.", panel=WHAT),
    ] = False,
    shebang: Annotated[
        str,
        option(
            "--python-shebang",
            metavar="PYTHON",
            help="The Python that starts it, like /usr/bin/python3.11; default: the first on the PATH that fits.",
            panel=WHAT,
        ),
    ] = "",
    static: Annotated[
        bool,
        options.flag(
            "--static", help="Import nothing while building; workers find the contracts out instead.", panel=HOW
        ),
    ] = False,
    verify: Annotated[
        bool, options.flag("--verify", help="Stop if what is imported differs from the source.", panel=HOW)
    ] = False,
    report: Annotated[
        bool, options.flag("--report", help="Show what each service imports, and what that costs.", panel=HOW)
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Make one file that runs TARGET anywhere.

    Inside are Homeport, all libraries, the services with their registry,
    and every command: `./shop run`, `./shop ps`. Libraries are those
    installed here. Beside it lie its digest, the registry as text, and a
    bill of materials (CycloneDX). Errors in the source stop the build.

    Examples:

      homeport build
      homeport build shop -o out --name shop
      homeport build shop --verify --report
      homeport build shop --binary
    """
    import time

    from homeport.cli.terminal import Terminal

    began = time.monotonic()
    terminal = Terminal(json=as_json)
    _need_tools(binary)
    import msgspec

    from homeport.build.packager.artefact import prepare
    from homeport.build.packager.environment import Environment
    from homeport.build.report import report as build_report
    from homeport.cli.build_report import print_report

    if static and (verify or report):
        from homeport.cli.errors import misused

        raise misused("build", "--static", "--verify and --report import the services")
    application = _application(terminal, target, surroundings)
    reflection = None if static else _reflected(terminal, application, verify=verify)
    environment, folder = Environment(), surroundings.cwd() / output
    order = _order(application, reflection, folder, name)
    prepared = prepare(
        msgspec.structs.replace(order, binary=binary, shebang=shebang, time=_time(surroundings)), environment
    )
    _tell_findings(terminal, application.plan.root, prepared.findings, stop=True)
    built = _made(terminal, prepared, environment)
    costs = build_report(application.plan, reflection) if report and reflection is not None else None
    if as_json:
        terminal.value(_as_json(built, time.monotonic() - began) | ({"report": costs} if costs else {}))
    else:
        _tell(terminal, built, time.monotonic() - began)
        if costs is not None:
            terminal.say("")
            print_report(terminal, costs)


def _need_tools(binary: bool) -> None:
    """Say what to install before any work is done."""
    from importlib.util import find_spec

    from homeport.cli.errors import CommandError

    tool, extra = ("PyInstaller", "build,binary") if binary else ("pex", "build")
    missing = [module for module in ("packaging", "cyclonedx", tool) if find_spec(module) is None]
    if missing:
        raise CommandError(
            f"the tools that make artefacts are not all installed: {', '.join(missing)} missing",
            kind="missing_extra",
            next=f"python -m pip install 'homeport[{extra}]'",
        )


def _application(terminal: Terminal, target: str, surroundings: Surroundings) -> Application:
    from homeport.cli.target import read_application, without_errors

    application = read_application(target, surroundings)
    _tell_findings(terminal, application.plan.root, without_errors(application.plan).findings, stop=False)
    return application


def _reflected(terminal: Terminal, application: Application, *, verify: bool) -> Reflection:
    """The services, imported in another process; what goes wrong there stops the build only when asked to verify."""
    from homeport.build.reflection import reflect
    from homeport.build.verify import reflect_all
    from homeport.build.verify import verify as compared

    plan = application.plan
    with _working(terminal, "importing the services"):
        reflection = reflect_all(plan) if verify else reflect(plan)
    findings = compared(plan, reflection) if verify else reflection.findings
    _tell_findings(terminal, plan.root, findings, stop=verify)
    return reflection


def _order(application: Application, reflection: Reflection | None, folder: Path, name: str) -> Order:
    from homeport.build.packager.artefact import Order
    from homeport.build.packager.project import project_of

    loaded = application.loaded
    return Order(
        plan=application.plan,
        project=project_of(application.plan, loaded.file, name),
        folder=folder,
        reflection=reflection,
        settings=loaded.file,
        include=loaded.config.build.include,
        exclude=loaded.config.build.exclude,
    )


def _time(surroundings: Surroundings) -> int:
    """As https://reproducible-builds.org/specs/source-date-epoch has it; 0 when it is not given."""
    given = surroundings.environ.get("SOURCE_DATE_EPOCH", "")
    if given and not given.isdigit():
        from homeport.cli.errors import misused

        raise misused("build", "SOURCE_DATE_EPOCH", f"{given!r} is not a number of seconds since 1970")
    return int(given or 0)


def _tell_findings(terminal: Terminal, root: str, findings: Sequence[Finding], *, stop: bool) -> None:
    """Warnings beside the result; errors end the command if they are to."""
    import msgspec
    from rich.markup import escape

    from homeport.cli.errors import FaultySource
    from homeport.cli.findings import finding_text

    found = [msgspec.structs.replace(one, path=str(Path(root, one.path))) if one.line else one for one in findings]
    errors = tuple(one for one in found if one.severity == "error")
    if stop and errors:
        raise FaultySource(errors, next="")  # a check does not look for these
    for one in found:
        terminal.note(f"[yellow]{escape(finding_text(one))}[/]")


def _made(terminal: Terminal, prepared: Prepared, environment: Environment) -> Built:
    from homeport.build.packager.artefact import build as make

    with _working(terminal, "building") as status:
        return make(prepared, environment, status)


@contextmanager
def _working(terminal: Terminal, what: str) -> Iterator[Callable[[str], None]]:
    """Show people that something takes a while, and what it is."""
    if not terminal.live:
        yield lambda _: None
        return
    with terminal.out.status(what) as status:
        yield status.update


def _as_json(built: Built, seconds: float) -> dict[str, object]:
    manifest = built.manifest
    return {
        "file": str(built.file),
        "size_bytes": built.size_bytes,
        "sha256": built.sha256,
        "name": manifest.name,
        "version": manifest.version,
        "revision": manifest.revision,
        "digest": manifest.digest,
        "python": manifest.python,
        "kind": manifest.kind,
        "services": list(manifest.services),
        "distributions": list(built.distributions),
        "registry": str(built.registry),
        "sbom": str(built.sbom),
        "seconds": round(seconds, 3),
    }


def _tell(terminal: Terminal, built: Built, seconds: float) -> None:
    from rich.markup import escape

    from homeport.cli.findings import from_here
    from homeport.cli.human import duration, memory, plural

    manifest = built.manifest
    needs = "no Python" if manifest.kind == "binary" else f"Python {manifest.python}"
    file = from_here(built.file)
    terminal.say(
        f"[green]{terminal.symbols.ok}[/] [name]{escape(file)}[/]  {memory(built.size_bytes)}, "
        f"{plural(len(manifest.services), 'service')}, {plural(len(built.distributions), 'distribution')}, "
        f"needs {needs}  [dim]{duration(seconds)}[/]"
    )
    source = f"source {manifest.revision}" if manifest.revision else "no revision of the source is known"
    terminal.say(f"  [dim]{escape(source)}, sha256 {built.sha256[:16]}{terminal.symbols.ellipsis}[/]")
    beside = ", ".join(path.name for path in (built.registry, built.sbom))
    terminal.say(f"  [dim]beside it: {escape(beside)}, {escape(built.file.name)}.sha256[/]")
    shown = file if "/" in file else f"./{file}"
    terminal.say(f"  next: [command]{escape(shown)} run[/]")
