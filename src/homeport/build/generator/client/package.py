"""A typed client as a package of its own: the same files for the same contracts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

import msgspec

from homeport.build.generator.client.catalogue import Catalogue, error_schema
from homeport.build.generator.client.failures import errors_module
from homeport.build.generator.client.models import models_module
from homeport.build.generator.client.services import service_classes, services_module
from homeport.build.generator.client.spelling import attribute_name, class_name, distinct
from homeport.build.generator.client.text import GENERATED
from homeport.contracts.api import Contract
from homeport.errors import ProtocolError


def client_package(contracts: Iterable[Contract], *, name: str, application: str, version: str) -> dict[str, str]:
    """The files of the package by path. ``name`` is what is imported; ``version`` the Homeport it is made for.

    Services without methods are left out.

    Raises:
        ProtocolError: a contract has names that no service in Python can have; they would become code.
    """
    callable_ones = [contract for contract in contracts if contract.methods]
    for contract in callable_ones:
        _check_names(contract)
    catalogue = Catalogue(callable_ones)
    package = _Package(catalogue, name, application, version)
    return {
        "pyproject.toml": package.project(),
        "README.md": package.readme(),
        f"{name}/__init__.py": package.front(),
        f"{name}/py.typed": "",
        f"{name}/models.py": models_module(catalogue),
        f"{name}/errors.py": errors_module(catalogue),
        f"{name}/services.py": services_module(catalogue),
        f"{name}/blocking.py": services_module(catalogue, blocking=True),
        f"{name}/client.py": package.client(),
        f"{name}/contracts.json": package.contracts(),
    }


def digest(contracts: Iterable[Contract]) -> str:
    """Eight hex digits over what the contracts promise: equal promises, equal digits."""
    promised = sorted(f"{contract.service}={contract.fingerprint}" for contract in contracts)
    return hashlib.sha256("\n".join(promised).encode()).hexdigest()[:8]


def _check_names(contract: Contract) -> None:
    names = [contract.service]
    for method in contract.methods:
        names += [method.name, *method.parameter_names]
        for error in method.raises:
            names += error_schema(contract, error).get("properties", ())
    for name in names:
        if not name.isidentifier():
            raise ProtocolError(f"the contract of {contract.service!r} has a name that cannot be: {name!r}")


class _Package:
    def __init__(self, catalogue: Catalogue, name: str, application: str, version: str) -> None:
        self._catalogue, self._name, self._application = catalogue, name, application
        self._homeport = version.partition("+")[0]
        self._client = class_name(name)
        self._digest = digest(catalogue.contracts)
        services = [contract.service for contract in catalogue.contracts]
        self._classes = service_classes(catalogue)
        self._attributes = dict(zip(services, distinct(map(attribute_name, services), ["homeport"]), strict=True))

    def project(self) -> str:
        """``pyproject.toml``; the version's last part says which contracts it fits."""
        return f"""\
{GENERATED}
[build-system]
requires = ["hatchling>=1.25"]
build-backend = "hatchling.build"

[project]
name = {_toml(self._name.replace("_", "-"))}
version = {_toml(f"{self._homeport}+{self._digest}")}
description = {_toml(f"Typed client of the services of {_plain(self._application)}")}
readme = "README.md"
requires-python = ">=3.11"
dependencies = [{_toml(f"homeport>={self._homeport}")}, "msgspec>=0.22"]

[tool.hatch.build.targets.wheel]
packages = [{_toml(self._name)}]
"""

    def readme(self) -> str:
        """``README.md``, with a call that can be made as it stands, if one without arguments exists."""
        rows = [
            f"| `{self._attributes[contract.service]}` | {_cell(contract.doc)} | `{contract.fingerprint}` |"
            for contract in self._catalogue.contracts
        ]
        return _README.format(
            name=self._name, application=_cell(self._application), call=self._example(), rows="\n".join(rows)
        )

    def _example(self) -> str:
        for contract in self._catalogue.contracts:
            for method in contract.methods:
                if not method.streams:
                    required = [f"{parameter.name}=…" for parameter in method.parameters if parameter.required]
                    return f"app.{self._attributes[contract.service]}.{method.name}({', '.join(required)})"
        return "..."

    def front(self) -> str:
        """``__init__.py``."""
        names = [self._client, f"Sync{self._client}", "connect", "connect_sync"]
        exported = sorted(["FINGERPRINTS", "__version__", "errors", "models", *names])
        return _FRONT.format(
            generated=GENERATED,
            application=_plain(self._application),
            imported="\n".join(f"    {name}," for name in ["FINGERPRINTS", *names]),
            version=f"{self._homeport}+{self._digest}",
            exported="\n".join(f'    "{name}",' for name in exported),
        )

    def client(self) -> str:
        """``client.py``: one attribute for each service."""
        services = [contract.service for contract in self._catalogue.contracts]
        attributes, classes = self._attributes, self._classes
        fingerprints = (f'    "{one.service}": "{one.fingerprint}",' for one in self._catalogue.contracts)
        handles = (f'        self.{attributes[s]} = connection.get(services.{classes[s]}, "{s}")' for s in services)
        twins = (
            f'        self.{attributes[s]}: blocking.{classes[s]} = connection.get(services.{classes[s]}, "{s}")'
            for s in services
        )
        return _CLIENT.format(
            generated=GENERATED,
            application=_plain(self._application),
            name=self._name,
            client=self._client,
            fingerprints="\n".join(fingerprints),
            handles="\n".join(handles),
            twins="\n".join(twins),
        )

    def contracts(self) -> str:
        """The contracts themselves, to compare with those of the server should the fingerprints differ."""
        contracts = {contract.service: contract for contract in self._catalogue.contracts}
        encoded = msgspec.json.encode(contracts, order="sorted")
        return msgspec.json.format(encoded, indent=1).decode() + "\n"


def _toml(text: str) -> str:
    """A basic string of TOML; JSON escapes what it must."""
    return msgspec.json.encode(text).decode()


def _plain(text: str) -> str:
    """A text that can stand in a comment or a docstring, whatever it was."""
    return re.sub(r"[^\w .,:+@()-]", "", text)


def _cell(text: str) -> str:
    """The first line of a text as a cell of a Markdown table."""
    first = text.strip().partition("\n")[0]
    return re.sub(r"[\x00-\x1f]", "", first).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


_README = """\
# {name}

Typed client of the services of {application}, made by `homeport generate client`: make it anew rather than edit it.

```python
import {name}

async with {name}.connect() as app:
    await {call}

with {name}.connect_sync() as app:
    {call}
```

Values are in `{name}.models`, declared errors in `{name}.errors`.

`connect()` finds the node as `homeport.connect()` does, and refuses one whose contracts have changed so that this
client no longer fits.

| service | | contract |
|---|---|---|
{rows}
"""

_FRONT = """\
{generated}
\"""Typed client of the services of {application}.\"""

from . import errors, models
from .client import (
{imported}
)

__version__ = "{version}"

__all__ = [
{exported}
]
"""

_CLIENT = """\
{generated}
\"""Connects to a node and reaches its services.\"""

from __future__ import annotations

import contextlib
import importlib.resources
import typing

import homeport
from homeport.agreement import agree, agree_blocking
from homeport.client_sync import SyncClient

from . import blocking, services

FINGERPRINTS: dict[str, str] = {{
{fingerprints}
}}


class {client}:
    \"""The services of {application}, called with ``await``.\"""

    def __init__(self, connection: homeport.Client) -> None:
        self.homeport = connection
{handles}


class Sync{client}:
    \"""The services of {application}, called from code that does not await.\"""

    def __init__(self, connection: SyncClient) -> None:
        self.homeport = connection
{twins}


@contextlib.asynccontextmanager
async def connect(
    node: str | None = None, *, name: str = "{name}", token: str = "", check: bool = True
) -> typing.AsyncIterator[{client}]:
    \"""Connect to a node, which is found as ``homeport.connect()`` finds it.

    Raises:
        homeport.errors.ContractChanged: the services have changed so that this client no longer fits; not with
            ``check=False``.
        homeport.errors.NoNode: no node was found, or several.
    \"""
    async with homeport.connect(node, name=name, token=token) as connection:
        if check:
            await agree(connection, FINGERPRINTS, _contracts)
        yield {client}(connection)


@contextlib.contextmanager
def connect_sync(
    node: str | None = None, *, name: str = "{name}", token: str = "", check: bool = True
) -> typing.Iterator[Sync{client}]:
    \"""Like ``connect()``, for code that does not await.\"""
    with homeport.connect_sync(node, name=name, token=token) as connection:
        if check:
            agree_blocking(connection, FINGERPRINTS, _contracts)
        yield Sync{client}(connection)


def _contracts() -> bytes:
    return importlib.resources.files("{name}").joinpath("contracts.json").read_bytes()
"""
