"""Starts the node process for ``homeport run``: settings in, a running process out."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from homeport.cli.surroundings import Surroundings
    from homeport.config import Config, Loaded
    from homeport.node.api import NodeSpec
    from homeport.nodes import NodeAddress
    from homeport.packaged import Package


AGAIN = -1  # beside the exit codes: a run that is to begin again with changed settings


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line; None: not given."""

    target: str = ""  # the program's own application, or the working folder
    layout: Literal["spread", "single"] | None = None
    name: str | None = None
    host: str | None = None
    port: int | None = None
    data: str | None = None
    ready_timeout: float | None = None
    assignments: tuple[str, ...] = ()
    detach: bool = False
    reload: bool = False
    debug: bool = False
    json: bool = False


class Launch(NamedTuple):
    """Everything the node process needs."""

    spec: NodeSpec
    loaded: Loaded

    @property
    def environment(self) -> dict[str, str]:
        return self.loaded.environment


def prepare(asked: RunOptions, surroundings: Surroundings) -> Launch:
    """Read the settings and say what the node process has to be told.

    Raises:
        ConfigError: a setting is wrong.
        UsageError: what was asked for is nothing that a packaged application can do.
    """
    from homeport.config import load
    from homeport.errors import UsageError
    from homeport.node.api import NodeSpec
    from homeport.nodes import data_folder

    cwd = surroundings.cwd().resolve()
    target, package = surroundings.target(asked.target), surroundings.package if not asked.target else None
    start = cwd if package is not None else settings_start(target, cwd)
    if package is not None and asked.reload:
        raise UsageError(f"{package.manifest.name} is a packaged application, which does not change; run its source")
    flags = {
        "node.layout": asked.layout,
        "node.name": asked.name,
        "node.host": asked.host,
        "node.port": asked.port,
        "node.data": asked.data,
        "node.ready_timeout": asked.ready_timeout,
    }
    loaded = load(
        start,
        surroundings.environ,
        flags=flags,
        assignments=asked.assignments,
        read_env_file=True,
        package=package,
    )
    spec = NodeSpec(
        target=target,
        cwd=str(cwd),
        data=str(chosen_data(loaded, cwd) or data_folder(start, cwd, packaged=package is not None)),
        config=_named(loaded.config, package),
        port_explicit="node.port" in loaded.origins,
        reload=asked.reload,
        debug=asked.debug,
        detach=asked.detach,
        lifeline=not asked.detach,
        json_errors=True,  # told to people by us, as every other error is
    )
    return Launch(spec, loaded)


def _named(config: Config, package: Package | None) -> Config:
    """A packaged application gives its name to the node, unless the settings do."""
    if package is None or config.node.name:
        return config
    return msgspec.structs.replace(config, node=msgspec.structs.replace(config.node, name=package.manifest.name))


def settings_start(target: str, cwd: Path) -> Path:
    """Settings belong to the code that runs: the search for them begins there, if TARGET is a path."""
    path = cwd / target.partition(":")[0]
    return path.resolve() if path.exists() else cwd


def chosen_data(loaded: Loaded, cwd: Path) -> Path | None:
    """The folder that was set; one from a settings file is relative to that file."""
    data = loaded.config.node.data
    if not data:
        return None
    from_file = loaded.file is not None and loaded.origin("node.data").startswith(str(loaded.file))
    base = loaded.file.parent if from_file and loaded.file else cwd
    return (base / Path(data).expanduser()).resolve()


class NodeProcess:
    """The node process from its start to its end.

    What it says on standard error goes to a nameless file, as a pipe would break a node that outlives us.
    """

    def __init__(self, launch: Launch) -> None:
        from homeport.nodes import prepare_data_folder, write_private
        from homeport.program import own_program

        self.data = Path(launch.spec.data)
        self.spec = launch.spec
        prepare_data_folder(self.data)
        self._spec_file = self.data / "run" / f"node-{os.getpid()}.spec.json"
        write_private(self._spec_file, msgspec.json.encode(launch.spec))
        self._said = _nameless_file(self.data / "run" / f"node-{os.getpid()}.said")
        self._process = subprocess.Popen(
            [*own_program(), "homeport.node", str(self._spec_file)],
            stdin=subprocess.PIPE if launch.spec.lifeline else subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            cwd=launch.spec.cwd,
            env=launch.environment,
            start_new_session=True,  # Ctrl-C is ours to translate, not the node's to receive
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that killed it."""
        return self._process.poll()

    def announced(self) -> NodeAddress | None:
        """Where it answers, once it does."""
        from homeport.nodes import read_node

        address = read_node(self.data)
        return address if address is not None and address.pid == self.pid else None

    def said(self) -> str:
        """All it wrote to standard error."""
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace").strip()

    def forget_spec(self) -> None:
        """Remove the file with its settings, which may hold secrets, once it has read them."""
        with contextlib.suppress(OSError):
            self._spec_file.unlink()

    def cut_lifeline(self) -> None:
        """Ask for an orderly stop without a connection."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        else:
            self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)


def _nameless_file(path: Path) -> BinaryIO:
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b")
    path.unlink()
    return file


def refuse_second_node(data: Path) -> None:
    """Say it early, and better than a lock could, when a node runs on this data folder already.

    Raises:
        CommandError: one does.
    """
    from homeport.cli.errors import CommandError
    from homeport.nodes import read_node

    address = read_node(data)
    if address is not None:
        where = f", {address.url}" if address.url else ""
        raise CommandError(
            f"node {address.name!r} runs here already (pid {address.pid}{where})",
            kind="already_running",
            next=f"homeport deploy gives it newer code, homeport stop --node {address.name} ends it; "
            "--data FOLDER is for a second one",
            fields={"name": address.name, "pid": address.pid, "url": address.url, "data": str(address.data)},
        )
