"""A worker up to where it would register what it hosts, in a process of its own.

``python -m benchmarks.harness.starting WAY ROOT REGISTRY SERVICE …`` prints a line of JSON when it is that far, and
ends with its standard input. WAY is ``built``, as workers start: rows of the registry, and of the application only what
the services import. Or it is ``reflected``: every module imported and every service in it looked at.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import sys
from pathlib import Path

from homeport.build.generator.registry_file import RegistryFile
from homeport.discovery.view import View
from homeport.model import State
from homeport.rpc.caller import Caller
from homeport.rpc.peers import Links
from homeport.worker.api import HostedService, WorkerSpec
from homeport.worker.crew import Crew
from homeport.worker.host import Host


async def main(way: str, root: Path, registry: Path, names: list[str]) -> None:
    sys.path.insert(0, str(root))
    built = way == "built"
    if built:
        services = tuple(HostedService(name=name) for name in names)
    else:
        reflect_all(root)
        file = RegistryFile(registry)  # who calls whom is known here too; where contracts come from is not
        rows = {name: file.service(name) for name in names}
        services = tuple(HostedService(name=name, plan=row.service) for name, row in rows.items() if row is not None)
    spec = WorkerSpec(
        name="measured-1",
        node="unix:/nowhere",
        runtime="/nowhere",
        root=str(root),
        registry=str(registry) if built else "",
        services=services,
    )
    caller = Caller(View(), Links("measured"), nothing_needed)
    crew = Crew(spec, Host(), caller, nothing_reported)
    crew.assemble()
    print(json.dumps({"instances": len(crew.members), "contracts": len(crew.contracts())}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    crew.close()


def reflect_all(root: Path) -> int:
    """Import all modules below ``root`` and make the signature of every service; how many there are."""
    from homeport.authoring.service import is_service, options_of
    from homeport.build.scanner.sources import module_name, python_files
    from homeport.contracts.signature import signature_of

    seen = 0
    for path in python_files(root):
        module = importlib.import_module(module_name(path.relative_to(root)))
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == module.__name__ and is_service(cls):
                signature_of(cls, options_of(cls).name)
                seen += 1
    return seen


async def nothing_needed(service: str) -> None:
    """Nobody is called here."""


async def nothing_reported(instance: str, state: State, reason: str, last: str) -> None:
    """Nobody is told."""


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
