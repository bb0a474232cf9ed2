"""Hosts TARGET in a terminal's own process, joined to a node that runs: stdin and ``breakpoint()`` work."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path

from homeport.build.application import scan
from homeport.build.diagnostics.checking import settled
from homeport.build.diagnostics.finding import labelled
from homeport.build.generator.registry import built_registry
from homeport.build.scanner.targets import find_target
from homeport.config import ServiceConfig, load
from homeport.errors import DefinitionError
from homeport.worker.api import WorkerSpec
from homeport.worker.main import serve
from homeport.worker.settings import hosted_service


def run_attached(target: str, node: str, debug: bool) -> int:
    """Serve TARGET's services from its source folder (no release) until Ctrl-C; the exit status.

    ``node`` is the endpoint of the node process. ``debug`` suspends deadlines and leases for these services.

    Raises:
        DefinitionError: TARGET cannot be served as it is written.
        ConfigError: its settings are wrong.
    """
    cwd = Path.cwd()
    settings = load(find_target(target, cwd).root, os.environ).config
    plan = settled(scan(target, cwd, markers=settings.build.markers), settings.check)
    faults = [finding for finding in plan.findings if finding.severity == "error"]
    if faults or not plan.services:
        shown = "\n".join(f"{one.path}:{one.line}:{one.column}: {labelled(one)}" for one in faults)
        raise DefinitionError(shown or f"{target} has no services; mark a class with @service")
    for warning in plan.findings:
        print(f"{warning.path}:{warning.line}:{warning.column}: {labelled(warning)}", file=sys.stderr)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(name)s %(message)s", datefmt="%H:%M:%S"
    )
    with tempfile.TemporaryDirectory(prefix="homeport-") as runtime:
        registry = Path(runtime, "attached.registry")
        registry.write_bytes(built_registry(plan).to_bytes())
        spec = WorkerSpec(
            name=f"attached-{os.getpid()}",
            node=node,
            runtime=runtime,
            root=plan.root,
            registry=str(registry),
            services=tuple(
                hosted_service(service.name, 1, settings.services.get(service.name, ServiceConfig()))
                for service in plan.services
            ),
            ready_timeout=settings.node.ready_timeout,
            orphan_grace=settings.node.orphan_grace,
            drain_timeout=settings.node.drain_timeout,
            lease=settings.node.lease,
            debug=debug,
        )
        names = ", ".join(service.name for service in plan.services)
        if "PYTHONBREAKPOINT" not in os.environ:
            sys.breakpointhook = _break
        print(f"attached to {node}: {names}; Ctrl-C ends it", file=sys.stderr)
        return serve(spec)


def _break() -> None:
    """Python's own debugger, but Ctrl-C goes on ending the process rather than going back to a prompt."""
    import pdb

    pdb.Pdb(nosigint=True).set_trace(sys._getframe(1))
