"""What only importing can tell of an application: contracts, what its classes really declare, what imports cost."""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.importing.api import (
    Begun,
    Finished,
    Imported,
    ImportRequest,
    MarkedClass,
    Message,
    NotImported,
    ReflectedService,
)
from homeport.build.plan import Location, Plan
from homeport.contracts.api import Contract
from homeport.program import own_program

PATIENCE = 60.0  # seconds that importing one service may take
_BLOCK = 1 << 16
_LAST_OUTPUT = 2000  # bytes of what the process printed, to say why it ended
_decode = msgspec.msgpack.Decoder(Message).decode


class Reflection(msgspec.Struct, frozen=True, kw_only=True):
    """All that importing the services of a plan has shown."""

    services: dict[str, ReflectedService]
    marked: tuple[MarkedClass, ...] = ()  # every class below the import root that is a service, planned or not
    findings: tuple[Finding, ...] = ()

    @property
    def contracts(self) -> dict[str, Contract]:
        """By service; one that could not be imported has none."""
        return {name: seen.contract for name, seen in self.services.items() if seen.contract is not None}


def reflect(
    plan: Plan, *, modules: Sequence[str] = (), compare: bool = False, patience: float = PATIENCE
) -> Reflection:
    """Import the plan's services in a process of its own and describe them; this process imports none of them.

    Whatever their modules do there, be it print, exit, hang or crash, ends in a finding. ``modules`` are imported as
    well, to see whether they define services. ``compare`` reads dependencies from the imported classes, too.
    ``patience`` is in seconds, for each service.
    """
    gathering = _Gathering(plan)
    while gathering.run(
        ImportRequest(plan=plan, modules=tuple(modules), skip=gathering.skip, compare=compare), patience
    ):
        pass
    return gathering.reflection()


class _Gathering:
    """Takes in what processes tell, until one of them has come through."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._services: dict[str, ReflectedService] = {}
        self._locations: dict[str, Location] = {service.name: service.location for service in plan.services}
        self._failed: dict[str, str] = {}  # modules without planned services
        self._marked: tuple[MarkedClass, ...] = ()

    @property
    def skip(self) -> tuple[str, ...]:
        """What needs no second look: it ended a process."""
        ended = {name for name, seen in self._services.items() if seen.fault}
        return tuple(sorted(ended | self._failed.keys()))

    def run(self, request: ImportRequest, patience: float) -> bool:
        """Whether another process is needed for what this one did not come to."""
        current = ""
        with _imported(request, patience) as answers:
            for message in answers:
                match message:
                    case Begun():
                        current = message.name
                    case Imported():
                        self._services[message.service.name] = message.service
                    case NotImported():
                        self._failed[message.module] = message.fault
                    case Finished():
                        self._marked = message.marked
                        return False
                    case str():
                        self._ended(current, message)
                        return current != ""
        return False

    def _ended(self, current: str, why: str) -> None:
        if current in self._locations:
            self._services[current] = ReflectedService(name=current, fault=why, importable=False)
        elif current:
            self._failed[current] = why
        else:
            for name in self._locations:
                self._services.setdefault(name, ReflectedService(name=name, fault=why, importable=False))

    def reflection(self) -> Reflection:
        findings = [_fault(seen, self._locations[name]) for name, seen in sorted(self._services.items()) if seen.fault]
        findings += [_unread(module, why, self._plan.root) for module, why in sorted(self._failed.items())]
        return Reflection(services=self._services, marked=self._marked, findings=tuple(findings))


def _fault(seen: ReflectedService, location: Location) -> Finding:
    if seen.importable:
        return Finding(
            severity="error",
            code="HP704",
            path=location.path,
            line=seen.line or location.line,
            column=1,
            message=f"service {seen.name!r} cannot be served: {seen.fault}",
        )
    return Finding(
        severity="error",
        code="HP703",
        path=location.path,
        line=seen.line or 1,
        column=1,
        message=f"module {location.module} of service {seen.name!r} cannot be imported: {seen.fault}",
        hint="mend what it says; if a library is missing, install it where this command runs",
    )


def _unread(module: str, why: str, root: str) -> Finding:
    path = Path(*module.split("."))
    package = Path(root, path, "__init__.py")
    return Finding(
        severity="warning",
        code="HP703",
        path=(path / "__init__.py" if package.is_file() else path.with_suffix(".py")).as_posix(),
        line=1,
        column=1,
        message=f"module {module} cannot be imported, so that nobody knows whether it makes services: {why}",
        hint='if services do not need it, leave it out: `exclude = ["…"]` under `[node]`',
    )


@contextmanager
def _imported(request: ImportRequest, patience: float) -> Iterator[Iterator[Message | str]]:
    """What a new process tells; a text last of all, if it did not come to its end."""
    with tempfile.TemporaryDirectory(prefix="homeport-import-") as folder:
        asked, said = Path(folder, "request"), Path(folder, "output")
        asked.write_bytes(msgspec.msgpack.encode(request))
        reading, writing = os.pipe()
        with said.open("wb") as output:
            process = subprocess.Popen(
                [*own_program(), "homeport.build.importing", str(asked), str(writing)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=request.plan.root,
                pass_fds=[writing],
                start_new_session=True,
            )
        os.close(writing)
        try:
            yield _messages(process, reading, said, patience)
        finally:
            os.close(reading)
            _end(process)


def _messages(process: subprocess.Popen[bytes], reading: int, said: Path, patience: float) -> Iterator[Message | str]:
    received = bytearray()
    while True:
        waits_until = time.monotonic() + patience
        while (body := _taken(received)) is None:
            ready, _, _ = select.select([reading], [], [], max(0.0, waits_until - time.monotonic()))
            if not ready:
                yield f"it did not come to an end within {patience:g} s"
                return
            block = os.read(reading, _BLOCK)
            if not block:
                yield _how_it_ended(process.wait(), said)
                return
            received += block
        yield _decode(body)


def _taken(received: bytearray) -> bytes | None:
    """The first whole message, taken out."""
    if len(received) < 4 or len(received) < (end := 4 + int.from_bytes(received[:4], "little")):
        return None
    body = bytes(received[4:end])
    del received[:end]
    return body


def _how_it_ended(status: int, said: Path) -> str:
    how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
    with said.open("rb") as file:
        file.seek(max(0, said.stat().st_size - _LAST_OUTPUT))
        lines = file.read().decode(errors="replace").strip().splitlines()
    return f"it ended the process {how}{f' ({lines[-1].strip()})' if lines else ''}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """With whatever it started."""
    try:
        os.killpg(process.pid, 9)
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
