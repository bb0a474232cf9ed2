"""``homeport version``: which Homeport, Python and libraries these are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeport.cli import options

if TYPE_CHECKING:
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal
    from homeport.packaged import Manifest

LIBRARIES = ("msgspec", "uvloop", "starlette", "uvicorn", "httpx", "typer", "rich")


def version(surroundings: Surroundings, as_json: options.Json = False) -> None:
    """Print versions.

    Of Homeport, Python and the libraries it stands on.

    Example:

      homeport version --json
    """
    import platform

    from homeport.cli.terminal import Terminal

    found = {name: library_version(name) for name in LIBRARIES}
    terminal = Terminal(json=as_json)
    package = surroundings.package
    if as_json:
        terminal.value(
            {
                **({"application": package.manifest} if package is not None else {}),
                "homeport": library_version("homeport"),
                "python": platform.python_version(),
                "platform": platform.platform(),
                "libraries": found,
            }
        )
        return
    if package is not None:
        _say_application(terminal, package.manifest)
    # Without styles, and so without rich, whose import would take longer than all of this.
    print(f"homeport {library_version('homeport')}")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(", ".join(f"{name} {number or 'missing'}" for name, number in found.items()))


def _say_application(terminal: Terminal, manifest: Manifest) -> None:
    from rich.markup import escape

    from homeport.cli.human import plural

    terminal.say(f"[name]{escape(f'{manifest.name} {manifest.version}'.strip())}[/]")
    source = manifest.revision or "of no known revision"
    terminal.say(f"source {escape(source)}, {plural(len(manifest.services), 'service')}, digest {manifest.digest[:16]}")


def library_version(name: str) -> str:
    """The installed version; "" when it is not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(name)
    except PackageNotFoundError:
        return ""
