"""``homeport generate``: what others need to call an application, made of its contracts."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import Group, argument, option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeport.cli.contracts import Contracts
    from homeport.cli.surroundings import Surroundings
    from homeport.contracts.api import Contract

Target = Annotated[str, argument(metavar="TARGET", help="A folder, a module, module:Class or module:app.")]
Live = Annotated[bool, options.flag("--live", help="Of what the node runs, instead of TARGET's source.")]
Services = Annotated[
    list[str] | None,
    option("--service", "-s", metavar="SERVICE", help="Only this service; may be repeated."),
]


def client(
    surroundings: Surroundings,
    target: Target = "",
    output: Annotated[
        Path | None,
        option("--output", "-o", metavar="FOLDER", help="Where to put the package; default: as it is called."),
    ] = None,
    name: Annotated[
        str | None,
        option("--name", metavar="NAME", help="What is imported; default: the application's name and _client."),
    ] = None,
    services: Services = None,
    live: Live = False,
    force: Annotated[bool, options.flag("--force", help="Even over files that were not made by this.")] = False,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Write a typed client as a package of its own.

    Values, errors and methods are written from the contracts; it needs none of the application's code. The same
    contracts give the same files.

    Examples:

      homeport generate client shop -o clients/shop
      homeport generate client --live --service cart --name cart_client
    """
    from homeport import __version__
    from homeport.build.generator.client.package import client_package
    from homeport.build.generator.client.spelling import attribute_name
    from homeport.cli.terminal import Terminal

    found = _chosen(_contracts(surroundings, target, node, live), services)
    package = name or f"{attribute_name(found.application).lower()}_client"
    _check_name(package)
    folder = output or Path(package.replace("_", "-"))
    files = client_package(found.contracts, name=package, application=found.application, version=__version__)
    changed = _write_all(surroundings.cwd() / folder, files, force=force)
    terminal = Terminal(json=as_json)
    callable_ones = [contract.service for contract in found.contracts if contract.methods]
    if as_json:
        terminal.value({"folder": str(folder), "name": package, "services": callable_ones, "changed": changed})
        return
    from homeport.cli.human import plural

    state = f"{plural(len(changed), 'file')} written" if changed else "nothing changed"
    terminal.say(
        f"[green]{terminal.symbols.ok}[/] {folder}: {package}, {plural(len(callable_ones), 'service')}; {state}"
    )
    place = folder if folder.is_absolute() else f"./{folder}"  # else pip would look for it in the index
    terminal.say(f"  next: [command]pip install {place}[/]")


def openapi(
    surroundings: Surroundings,
    target: Target = "",
    output: Annotated[Path | None, option("--output", "-o", metavar="FILE", help="Default: standard output.")] = None,
    services: Services = None,
    public: Annotated[
        bool, options.flag("--public", help="Only public methods: what callers from beyond this machine may call.")
    ] = False,
    live: Live = False,
    node: options.Node = None,
    as_json: options.Json = False,
) -> None:
    """Write the OpenAPI document.

    It is the one that the running node answers with at /openapi.json.

    Examples:

      homeport generate openapi shop -o openapi.json
      homeport generate openapi shop --public
    """
    import msgspec

    from homeport import __version__
    from homeport.cli.files import write_text
    from homeport.cli.terminal import Terminal
    from homeport.http.openapi import document

    found = _chosen(_contracts(surroundings, target, node, live), services)
    described = document(found.contracts, version=__version__, public_only=public)
    text = msgspec.json.format(msgspec.json.encode(described), indent=2)
    terminal = Terminal(json=as_json)
    if output is None:
        terminal.raw(text)
        return
    write_text(surroundings.cwd() / output, text.decode() + "\n")
    terminal.note(f"{terminal.symbols.ok} {output}")


generate = Group(help="Make what others need to call your services.", commands={"client": client, "openapi": openapi})


def _contracts(surroundings: Surroundings, target: str, node: str | None, live: bool) -> Contracts:
    from homeport.cli.contracts import contracts_of_node, contracts_of_target

    return (
        contracts_of_node(node, surroundings) if live or node is not None else contracts_of_target(target, surroundings)
    )


def _chosen(found: Contracts, services: list[str] | None) -> Contracts:
    """Those of the services asked for.

    Raises:
        UnknownService: one of them is not there.
        CommandError: none of them has methods.
    """
    from homeport.cli.errors import CommandError
    from homeport.errors import UnknownService

    by_name: dict[str, Contract] = {contract.service: contract for contract in found.contracts}
    for name in services or ():
        if name not in by_name:
            raise UnknownService(name, by_name)
    chosen = tuple(contract for name, contract in by_name.items() if not services or name in services)
    if not any(contract.methods for contract in chosen):
        asked = ", ".join(services or ()) or "the application"
        raise CommandError(f"{asked} has no methods to call; what answers only HTTP needs no client of this kind")
    return found._replace(contracts=chosen)


def _check_name(package: str) -> None:
    from homeport.errors import UsageError

    if not package.isidentifier() or not package.isascii() or keyword.iskeyword(package):
        raise UsageError(f"--name {package!r} cannot be imported; write letters, digits and underscores: shop_client")
    if package == "homeport":
        raise UsageError("--name homeport would hide Homeport itself; choose another, such as shop_client")


def _write_all(folder: Path, files: Mapping[str, str], *, force: bool) -> list[str]:
    """Write what is new or different, and return it; nothing at all over files that somebody else made."""
    from homeport.build.generator.client.text import GENERATED
    from homeport.cli.errors import CommandError
    from homeport.cli.files import read_text, write_text

    present = {name: read_text(folder / name) for name in files}
    mark = present["pyproject.toml"]
    if mark is not None and not mark.startswith(GENERATED) and not force:
        raise CommandError(
            f"{folder / 'pyproject.toml'} was not made by `homeport generate client`; choose another folder with -o, "
            f"or overwrite it with --force"
        )
    changed = [name for name, text in files.items() if present[name] != text]
    for name in changed:
        write_text(folder / name, files[name])
    return changed
