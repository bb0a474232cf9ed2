"""Checks of this place: settings, the data folder, sockets, the port, and the node if one runs."""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.cli.doctor.finding import Checked, ill, warning, well
from homeport.cli.human import age, duration, memory, plural

if TYPE_CHECKING:
    from homeport.cli.surroundings import Client, Surroundings
    from homeport.config import Loaded
    from homeport.node.api import NodeStatus
    from homeport.nodes import NodeAddress

PATIENCE = 3.0  # seconds for the node to answer
SLOW = 0.25  # seconds; a local node answers in a few milliseconds


def check_settings(surroundings: Surroundings) -> tuple[Checked, Loaded | None]:
    from homeport.config import load
    from homeport.errors import ConfigError

    try:
        loaded = load(surroundings.cwd(), surroundings.environ, read_env_file=True, package=surroundings.package)
    except ConfigError as error:
        return ill("settings", str(error), "homeport config show --origin"), None
    package = surroundings.package
    if package is not None and package.settings is not None:
        beside = f", then {loaded.file}" if loaded.file else ""
        return well("settings", f"those inside {package.manifest.name}{beside}"), loaded
    where = str(loaded.file) if loaded.file else "defaults; no homeport.toml or pyproject.toml above this folder"
    return well("settings", where), loaded


def check_data_folder(data: Path) -> Checked:
    """It belongs to the user, is private, and can be written."""
    name = "data folder"
    if not data.exists():
        parent = next(above for above in data.parents if above.exists())
        if not os.access(parent, os.W_OK):
            return ill(name, f"{data} cannot be created", "choose another with --data, or make its parent yours")
        return well(name, f"{data} (not created yet)")
    found = data.stat()
    if found.st_uid != os.geteuid():
        return ill(name, f"{data} belongs to user {found.st_uid}", "choose another with --data")
    if not os.access(data, os.W_OK | os.X_OK):
        return ill(name, f"{data} cannot be written", f"chmod 700 {data}")
    if stat.S_IMODE(found.st_mode) & 0o077:
        return warning(name, f"{data} can be read by others", f"chmod 700 {data}")
    damaged = sorted(path.name for path in data.rglob("*.damaged-*"))
    if damaged:
        return warning(
            name,
            f"{plural(len(damaged), 'damaged file')} set aside: {', '.join(damaged[:3])}",
            "homeport logs node --since 30d shows what was recovered; delete them when you have looked",
        )
    return well(name, str(data))


def check_stale_files(data: Path) -> Checked:
    """Sockets nobody listens on, and an announcement nobody stands behind."""
    from homeport.nodes import read_node

    name = "stale files"
    if read_node(data) is not None:
        return well(name, "none: a node runs on this folder")
    run = data / "run"
    left = [path for path in sorted(run.rglob("*")) if path.is_socket() and not _listens(path)]
    left += [path for path in (run / "node.json",) if path.exists()]
    if not left:
        return well(name, "none")
    return warning(
        name,
        f"{plural(len(left), 'file')} of a node that ended without cleaning up: {', '.join(p.name for p in left[:3])}",
        "the next `homeport run` here takes care of them",
    )


def check_scan_cache(data: Path) -> Checked:
    """What scans keep can be written and read, or each scan reads every file anew."""
    name, folder = "scan cache", data / "cache"
    if not os.path.lexists(folder):
        return well(name, "none yet: the next scan makes it")
    try:
        kept = [path.stat().st_size for path in folder.iterdir() if path.name.startswith("scan-")]
    except OSError as error:
        return warning(name, f"{folder}: {error.strerror}; every scan reads all files", f"rm -r {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        return warning(name, f"{folder} cannot be written, so every scan reads all files", f"chmod 700 {folder}")
    return well(name, f"{memory(sum(kept))} of what {plural(len(kept), 'application')} had in source")


def check_port(host: str, port: int, url: str) -> Checked:
    """The HTTP port is free, or ours."""
    if url:
        return well("port", f"the node serves {url}")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return warning(
                "port",
                f"{host}:{port} is taken{_holder(port)}",
                "homeport run takes the next free one; or give another with --port",
            )
        return ill("port", f"{host}:{port} cannot be used: {error.strerror}", "give another --host or --port")
    return well("port", f"{host}:{port} is free")


def check_node(
    surroundings: Surroundings, node: str | None
) -> tuple[list[Checked], NodeAddress | None, NodeStatus | None]:
    """Find the node and ask it how it is."""
    from homeport.cli.asking import ask
    from homeport.errors import NodeDied, NoNode
    from homeport.nodes import find_node

    try:
        address = find_node(node, surroundings.environ, surroundings.cwd())
    except NodeDied as error:
        return [warning("node", str(error), "homeport run")], None, None
    except NoNode as error:
        if node is None and not surroundings.environ.get("HOMEPORT_NODE"):
            return [well("node", str(error))], None, None
        return [ill("node", str(error), "homeport run TARGET")], None, None
    began = time.perf_counter()
    try:
        status = ask(surroundings, node, _patiently(lambda client: client.node.status()))
    except Exception as error:
        return [_unreachable(address, error)], address, None
    took = time.perf_counter() - began
    return [_reachable(address, status, took), *check_services(status), *check_version(status)], address, status


def check_services(status: NodeStatus) -> list[Checked]:
    """Services that are behind, workers that crash, files that were not reloaded."""
    found: list[Checked] = []
    if status.waiting:
        first = sorted(status.waiting)[0]
        behind = "; ".join(f"{name}: {why}" for name, why in sorted(status.waiting.items())[:3])
        found.append(warning("services", f"{len(status.waiting)} not ready: {behind}", f"homeport why {first}"))
    else:
        found.append(well("services", "all ready"))
    crashing = [worker for worker in status.workers if worker.restarts]
    if crashing:
        worst = max(crashing, key=lambda worker: worker.restarts)
        service = worst.services[0] if worst.services else worst.name
        often = plural(worst.restarts, "time")
        found.append(warning("workers", f"{worst.name} was restarted {often}", f"homeport why {service}"))
    if status.reload_error:
        found.append(warning("reload", status.reload_error.splitlines()[0], "mend the file; the old code still runs"))
    return found


def check_version(status: NodeStatus) -> list[Checked]:
    from homeport.cli.commands.version import library_version

    own = library_version("homeport")
    if status.version and own and status.version != own:
        return [
            warning("version", f"the node runs {status.version}, this is {own}", "homeport stop, then run it again")
        ]
    return []


def _reachable(address: NodeAddress, status: NodeStatus, took: float) -> Checked:
    found = f"{status.name} (pid {status.pid}, up {age(time.time() - status.started)}) answers in {duration(took)}"
    if took > SLOW:
        return warning("node", found, "homeport ps: is the machine short of CPU?")
    return well("node", found)


def _unreachable(address: NodeAddress, error: Exception) -> Checked:
    what = f"nothing within {PATIENCE:g} s" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
    return ill(
        "node",
        f"{address.name} (pid {address.pid}) runs but does not answer on {address.endpoint}: {what}",
        f"homeport logs node; if it hangs: kill -9 {address.pid}, then run it again (services go on meanwhile)",
    )


def _patiently(question: Callable[[Client], Awaitable[NodeStatus]]) -> Callable[[Client], Awaitable[NodeStatus]]:
    import asyncio

    async def limited(client: Client) -> NodeStatus:
        async with asyncio.timeout(PATIENCE):
            return await question(client)

    return limited


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0.5)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def _holder(port: int) -> str:
    """`` by python (pid 123)``, where the system tells."""
    import psutil  # type: ignore[import-untyped]

    try:
        for one in psutil.net_connections("inet"):
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid:
                return f" by {psutil.Process(one.pid).name()} (pid {one.pid})"
    except (psutil.Error, OSError):
        pass
    return ""
