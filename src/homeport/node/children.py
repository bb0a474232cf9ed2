"""How the node's own kinds of child process are started: what each is told, and what is noted of it."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from homeport.clock import Clock
from homeport.config import Config
from homeport.http.api import FrontSpec
from homeport.logfiles import LogRecordView, encode_line, tail
from homeport.model import Cause
from homeport.node.adoption import Record, Records
from homeport.node.application import Edition, Surroundings, worker_spec
from homeport.node.desired import Start
from homeport.node.launch import LaunchFailed, OsProcess, launch
from homeport.node.port import is_loopback
from homeport.node.registries import Registries
from homeport.nodes import write_private
from homeport.program import Program, own_program
from homeport.worker.api import WorkerSpec

EVIDENCE_LINES = 20
FRONT = "front"
_STARTED = "process.starting"


class Children:
    """Starts parts of Homeport with a file that says everything, and notes the process before and after."""

    def __init__(self, records: Records, logs: Path, cwd: Path, environ: Mapping[str, str], clock: Clock) -> None:
        self.records, self._logs, self._cwd, self._environ, self._clock = records, logs, cwd, environ, clock

    def start(
        self,
        module: str,
        spec: msgspec.Struct,
        record: Record,
        *,
        program: Program = (),
        inherit: tuple[int, ...] = (),
    ) -> OsProcess:
        """Start the module's process, by this process's own program or by that of an artefact.

        Raises:
            LaunchFailed: the operating system refused, or the disk is full.
        """
        told = self.records.spec(record.name)
        try:
            write_private(told, msgspec.json.encode(spec))
            self.records.note(record)
            self._mark_start(record.name)
            process = launch(
                [*(program or own_program()), module, str(told)],
                log=self.log(record.name),
                cwd=self._cwd,
                environ=self._environ,
                inherit=inherit,
            )
        except OSError as error:
            raise LaunchFailed(f"cannot start {record.name}: {error}") from error
        except LaunchFailed:
            self.records.forget(record.name)
            raise
        noted = msgspec.structs.replace(record, pid=process.pid, process=process.process, started=self._clock.wall())
        try:
            self.records.note(noted)
        except OSError:
            pass  # a successor finds it by what it was told
        return process

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def last_lines(self, name: str) -> str:
        """The last lines that the latest process of this name wrote, as evidence."""
        records = tail(self.log(name), EVIDENCE_LINES + 1)
        starts = [number for number, record in enumerate(records) if record.message == _STARTED]
        return "\n".join(record.text for record in records[starts[-1] + 1 if starts else 0 :][-EVIDENCE_LINES:])

    def _mark_start(self, name: str) -> None:
        """Give what the process prints before its own logging begins a time, and a line above it."""
        line = encode_line(LogRecordView(at=self._clock.wall(), level="info", logger="homeport.node", message=_STARTED))
        with self.log(name).open("ab") as file:
            file.write(line)


class WorkerLauncher:
    """Starts workers from the edition that their release belongs to."""

    def __init__(
        self,
        children: Children,
        editions: Mapping[str, Edition],
        config: Config,
        surroundings: Surroundings,
        next_fence: Callable[[], int],
    ) -> None:
        self._children, self._editions, self._config, self._surroundings = children, editions, config, surroundings
        self._next_fence = next_fence
        self._registries = Registries()

    def launch(self, start: Start) -> OsProcess:
        spec = self._spec(start)
        record = Record(
            name=start.worker,
            release=start.release,
            round=start.round,
            services=dict(start.services),
            told=digest_of(spec),
        )
        edition = self._editions[start.release]
        try:
            self._registries.keep(edition)
            if any(service.singleton for service in edition.plan.services if service.name in record.services):
                spec = msgspec.structs.replace(spec, fence=self._next_fence())
        except OSError as error:  # without a token that is surely new, a singleton must not run
            raise LaunchFailed(f"cannot start {start.worker}: {error}") from error
        program = self._editions[start.release].release.program
        return self._children.start("homeport.worker", spec, record, program=program)

    def leaving(self, worker: str, cause: Cause) -> None:
        """It has been told to drain: a successor of this process goes on with that."""
        self._children.records.change(worker, leaving=cause)

    def hosts(self, worker: str, services: Mapping[str, int]) -> None:
        """It is to host no more than this: a successor of this process knows what has been told to drain."""
        self._children.records.change(worker, services=dict(services))

    def digest(self, record: Record) -> str:
        """Of what a worker like the recorded one would be told now; "" when it would not be started."""
        start = Start(worker=record.name, services=tuple(record.services.items()), release=record.release)
        try:
            return digest_of(self._spec(start))
        except LookupError:
            return ""

    def _spec(self, start: Start) -> WorkerSpec:
        return worker_spec(start, self._editions[start.release], self._config, self._surroundings)

    def forget(self, worker: str) -> None:
        self._children.records.forget(worker)

    def last_lines(self, worker: str) -> str:
        return self._children.last_lines(worker)


class FrontLauncher:
    """Starts the front on a socket that the node has bound."""

    def __init__(self, children: Children, config: Config, node: str, ready_file: Path) -> None:
        self._children, self._config, self._node, self._ready_file = children, config, node, ready_file

    def launch(self, listening: socket.socket, url: str) -> OsProcess:
        number, descriptor = listening.getsockname()[1], listening.fileno()
        record = Record(name=FRONT, url=url, port=number, told=self.digest())
        return self._children.start("homeport.http", self._spec(number, descriptor), record, inherit=(descriptor,))

    def digest(self) -> str:
        """Of what a front would be told now, whatever its port."""
        return digest_of(self._spec(0, -1))

    def _spec(self, number: int, descriptor: int) -> FrontSpec:
        node = self._config.node
        return FrontSpec(
            node=self._node,
            name=FRONT,
            host=node.host,
            port=number,
            fd=descriptor,
            token=node.token,
            public_only=not is_loopback(node.host),
            allowed_hosts=node.allowed_hosts,
            allow_metadata=node.allow_metadata,
            tls_certificate=node.tls_certificate,
            tls_key=node.tls_key,
            log=str(self._children.log(FRONT)),
            log_level=node.log_level,
            orphan_grace=node.orphan_grace,
            drain_timeout=node.drain_timeout,
            lease=node.lease,
            ready_file=str(self._ready_file),
        )

    def forget(self) -> None:
        self._children.records.forget(FRONT)

    def last_lines(self) -> str:
        return self._children.last_lines(FRONT)


def digest_of(spec: msgspec.Struct) -> str:
    """Tells whether a child was told what it would be told now."""
    return hashlib.blake2b(msgspec.json.encode(spec), digest_size=8).hexdigest()
