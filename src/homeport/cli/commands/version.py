"""``homeport version``: which Homeport, Python and libraries these are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeport.cli import options

if TYPE_CHECKING:
    from homeport.cli.surroundings import Surroundings
    from homeport.packaged import Manifest

LIBRARIES = ("msgspec", "uvloop", "starlette", "uvicorn", "httpx", "typer", "rich")


def version(surroundings: Surroundings, as_json: options.Json = False) -> None:
    """Print versions.

    Of Homeport, Python and the libraries it stands on.

    Example:

      homeport version --json
    """
    import platform

    found = {name: library_version(name) for name in LIBRARIES}
    package = surroundings.package
    if as_json:
        from homeport.cli.terminal import Terminal

        Terminal(json=True).value(
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
        _say_application(package.manifest)
    # Without styles, and so without rich, whose import would take longer than all of this.
    print(f"homeport {library_version('homeport')}")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(", ".join(f"{name} {number or 'missing'}" for name, number in found.items()))


def _say_application(manifest: Manifest) -> None:
    from homeport.cli.human import plural

    print(f"{manifest.name} {manifest.version}".strip())
    source = manifest.revision or "of no known revision"
    print(f"source {source}, {plural(len(manifest.services), 'service')}, digest {manifest.digest[:16]}")


def library_version(name: str) -> str:
    """The installed version; "" when it is not installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(name)
    except PackageNotFoundError:
        return ""
