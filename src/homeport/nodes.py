"""Where a node keeps its files, and how others find it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from homeport.errors import ConfigError, NodeDied, NoNode, near_names
from homeport.processes import runs

FOLDER = ".homeport"
FORMAT = "1"
"""The arrangement of files in the data folder; a newer one is refused, never misread."""

_LONGEST_ADDRESS = 100  # bytes; the kernels end at 104 (macOS) and 108 (Linux)
_LONGEST_SOCKET = len("/") + 46  # a worker's name and ".sock"


class NodeAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A running node, as it announces itself."""

    name: str
    data: Path  # its .homeport folder; Path() when only the endpoint is known
    endpoint: str  # unix:/… or tcp://host:port
    pid: int = 0
    process: str = ""  # identity of the pid
    started: float = 0.0  # wall-clock seconds
    url: str = ""  # of its front; "" while it starts
    version: str = ""


# -- the data folder ---------------------------------------------------------------------------------------------------


def data_folder(start: Path, cwd: Path, *, packaged: bool = False) -> Path:
    """Where the node for code at ``start`` keeps its files: beside its settings file, else in the working folder.

    The code of a packaged application lies where it was unpacked: only the working folder is its place.
    """
    if packaged:
        return cwd.resolve() / FOLDER
    from homeport.config_sources import settings_file  # found by scripts that only connect: they need no settings

    file = settings_file(start)
    return (file.parent if file else cwd.resolve()) / FOLDER


def prepare_data_folder(data: Path) -> None:
    """Create the folder and what belongs in it: private, and ignored by git.

    Raises:
        ConfigError: it cannot be written to, or a newer Homeport made it.
    """
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        data.chmod(0o700)
        for part in ("run", "run/workers", "logs", "releases", "registry"):
            (data / part).mkdir(mode=0o700, exist_ok=True)
        if not (data / ".gitignore").exists():
            write_private(data / ".gitignore", b"*\n")
        if not (data / "format").exists():
            write_private(data / "format", FORMAT.encode())
        found = (data / "format").read_text().strip()
    except OSError as error:
        step = "free disk space" if error.errno == errno.ENOSPC else "make it yours"
        raise ConfigError(
            f"cannot use the data folder {data}: {error.strerror or error}; {step}, or choose another with --data"
        ) from error
    if found != FORMAT:
        raise ConfigError(
            f"the data folder {data} has format {found!r}, this Homeport reads {FORMAT!r}; "
            f"upgrade Homeport, or choose another folder with --data"
        )


def is_data_folder(folder: Path) -> bool:
    """Whether some node keeps its files there: they are no part of an application, wherever the folder lies."""
    return (folder / "format").is_file() and all((folder / part).is_dir() for part in ("releases", "registry"))


def runtime_folder(data: Path) -> Path:
    """The private folder for sockets of the node with this data folder, created if need be.

    It is ``run`` in the data folder, or a short one below ``/tmp`` when addresses in there would grow too long. Only
    the path of the data folder decides, so that a restarted node finds the sockets of its workers.

    Raises:
        ConfigError: somebody else owns the folder.
    """
    data = data.resolve()
    folder = data / "run"
    if len(os.fsencode(folder)) + _LONGEST_SOCKET > _LONGEST_ADDRESS:
        own = Path("/tmp") / f"homeport-{os.geteuid()}"  # noqa: S108 - ownership and mode are checked below
        _private(own)
        folder = own / _digest(data, 8)
    _private(folder)
    return folder


def _private(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.geteuid():
        raise ConfigError(
            f"the folder {folder} for sockets must be yours, and no link; remove it, or choose another data folder "
            f"with --data"
        )
    if found.st_mode & 0o077:
        raise ConfigError(
            f"the folder {folder} for sockets is open to others (mode {found.st_mode & 0o777:04o}); "
            f"run `chmod 700 {folder}`"
        )


def write_private(path: Path, content: bytes, *, synced: bool = False) -> None:
    """Replace a file at once, readable by its owner only; if ``synced``, so that it would survive power loss."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if synced:
                file.flush()
                os.fsync(file.fileno())
        fresh.replace(path)
        if synced:
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except OSError as error:
        error.filename = error.filename or str(path)  # a write does not name what it wrote to
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise


def _digest(path: Path, digits: int) -> str:
    return hashlib.blake2b(os.fsencode(path), digest_size=digits // 2).hexdigest()


# -- announcing --------------------------------------------------------------------------------------------------------


def announce(address: NodeAddress, environ: Mapping[str, str]) -> None:
    """Let others find the node; repeating it updates what they see.

    Raises:
        ConfigError: the data folder cannot be written to.
    """
    content, own = msgspec.json.encode(address, enc_hook=str), address.data / "run" / "node.json"
    try:
        write_private(own, content)
    except OSError as error:
        raise ConfigError(f"cannot write {own}: {error.strerror or error}; make room, or check its folder") from error
    # Without a home folder the node is still found from its own folder and by --node.
    with contextlib.suppress(OSError):
        folder = _user_folder(environ)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / f"{_digest(address.data, 12)}.json", content)


def withdraw(data: Path, environ: Mapping[str, str]) -> None:
    """Undo ``announce``."""
    for path in (data / "run" / "node.json", _user_folder(environ) / f"{_digest(data, 12)}.json"):
        with contextlib.suppress(OSError):
            path.unlink()


def read_node(data: Path) -> NodeAddress | None:
    """The node that runs on this data folder, if one does."""
    return _running(data / "run" / "node.json")


def running_nodes(environ: Mapping[str, str]) -> list[NodeAddress]:
    """The user's running nodes, by name; traces of ended ones are removed."""
    found = []
    for path in _files(_user_folder(environ)):
        address = _running(path)
        if address is not None:
            found.append(address)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    return sorted(found, key=lambda address: (address.name, address.data))


def _user_folder(environ: Mapping[str, str]) -> Path:
    # Not XDG_RUNTIME_DIR: it vanishes at log-out, which a detached node outlives, and cron jobs have none.
    cache = environ.get("XDG_CACHE_HOME", "")
    home = environ.get("HOME", "") or os.path.expanduser("~")
    return (Path(cache) if cache.startswith("/") else Path(home) / ".cache") / "homeport" / "nodes"


def _files(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if path.suffix == ".json")
    except OSError:
        return


def _running(path: Path) -> NodeAddress | None:
    address = _announced(path)
    return address if address is not None and runs(address.pid, address.process) else None


def _announced(path: Path) -> NodeAddress | None:
    """Whoever was announced there, running or not."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=NodeAddress, dec_hook=_decode_path)
    except (OSError, msgspec.DecodeError):
        return None


def _decode_path(type_: type, value: Any) -> Any:
    return type_(value)


# -- finding -----------------------------------------------------------------------------------------------------------


def find_node(explicit: str | None, environ: Mapping[str, str], cwd: Path, *, option: str = "--node") -> NodeAddress:
    """The node that is meant: ``explicit`` > ``HOMEPORT_NODE`` > nearest ``.homeport`` upward > the only running one.

    ``explicit`` and the variable take a node's name, its folder, or an endpoint; ``option`` is how the user gives it.

    Raises:
        NoNode: none is meant, it does not run, or several could be meant.
        NodeDied: the nearest one ended without a stop.
    """
    if explicit:
        return _named(explicit, option, environ, cwd)
    if environ.get("HOMEPORT_NODE"):
        return _named(environ["HOMEPORT_NODE"], "HOMEPORT_NODE", environ, cwd)
    idle: Path | None = None
    for folder in (cwd.resolve(), *cwd.resolve().parents):
        data = folder / FOLDER
        if (data / "format").is_file():  # otherwise it only holds what scans kept
            address = read_node(data)
            if address is not None:
                return address
            idle = idle or data
    running = running_nodes(environ)
    if idle is not None:
        others = f"; running elsewhere, choose with {option}: {_listed(running)}" if running else ""
        left = _announced(idle / "run" / "node.json")
        if left is not None:
            raise NodeDied(
                f"the node of {idle} is not running: its process (pid {left.pid}) ended without a stop, and its "
                f"services may go on without it for a while; take them over with `homeport run`{others}"
            )
        raise NoNode(f"the node of {idle} is not running; start it with `homeport run`{others}")
    if not running:
        raise NoNode("no node is running; start one with `homeport run TARGET`")
    if len(running) > 1:
        raise NoNode(f"several nodes are running, choose one with {option}: {_listed(running)}")
    return running[0]


def _named(text: str, source: str, environ: Mapping[str, str], cwd: Path) -> NodeAddress:
    running = running_nodes(environ)
    if text.startswith(("unix:", "tcp:")):
        known = next((address for address in running if address.endpoint == text), None)
        return known or NodeAddress(name=text, data=Path(), endpoint=text)
    if "/" in text or text in (".", "..", FOLDER):
        folder = (cwd / text).expanduser().resolve()
        for data in (folder, folder / FOLDER):
            address = read_node(data)
            if address is not None:
                return address
        raise NoNode(f"{source} {text}: no node is running on {folder}; start it with `homeport run`")
    same = [address for address in running if address.name == text]
    if len(same) == 1:
        return same[0]
    if same:
        raise NoNode(f"{source} {text}: several nodes have this name, give the folder instead: {_listed(same)}")
    near = near_names(text, [address.name for address in running])
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise NoNode(f"{source} {text}: no running node has this name{hint} (running: {_listed(running) or 'none'})")


def _listed(running: Iterable[NodeAddress]) -> str:
    return ", ".join(f"{address.name} ({address.data})" for address in running)
