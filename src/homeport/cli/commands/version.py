"""``homeport version``: which Homeport, Python and libraries these are."""

from __future__ import annotations

import typer

from homeport.cli import options

LIBRARIES = ("msgspec", "uvloop", "starlette", "uvicorn", "httpx", "typer", "rich")


def version(context: typer.Context, as_json: options.Json = False) -> None:
    """Print versions.

    Of Homeport, Python and the libraries it stands on.

    Example:

      homeport version --json
    """
    import platform

    from homeport.cli.terminal import Terminal

    found = {name: library_version(name) for name in LIBRARIES}
    terminal = Terminal(json=as_json)
    if as_json:
        terminal.value(
            {
                "homeport": library_version("homeport"),
                "python": platform.python_version(),
                "platform": platform.platform(),
                "libraries": found,
            }
        )
        return
    terminal.say(f"[name]homeport {library_version('homeport')}[/]")
    terminal.say(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    terminal.say(", ".join(f"{name} {number or 'missing'}" for name, number in found.items()))


def library_version(name: str) -> str:
    """The installed version; "" when it is not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(name)
    except PackageNotFoundError:
        return ""
