"""``python -m homeport.node SPEC.json``: runs a node process, and says why when it cannot."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from homeport.clock import SystemClock
from homeport.errors import HomeportError, UsageError, snake_case
from homeport.model import Problem
from homeport.node.api import NodeSpec
from homeport.node.application import ScanFailed
from homeport.unpacked import hold_own

_OK, _FAILED, _USAGE = 0, 1, 2


def main(arguments: list[str]) -> int:
    """Returns the exit code."""
    if len(arguments) != 1:
        print("usage: python -m homeport.node SPEC.json (written by `homeport run`)", file=sys.stderr)
        return _USAGE
    try:
        spec = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=NodeSpec)
    except (OSError, msgspec.DecodeError) as error:
        print(f"error: cannot read {arguments[0]}: {error}; start nodes with `homeport run`", file=sys.stderr)
        return _USAGE
    from homeport.node.assembly import serve

    hold_own()
    try:
        _run(serve(spec, dict(os.environ), SystemClock()))
    except HomeportError as error:
        return tell(error, as_json=spec.json_errors)
    except OSError as error:  # no room for a lock or a log: there is nothing to say beyond what the system says
        return tell(HomeportError(f"the node process cannot run: {error}"), as_json=spec.json_errors)
    return _OK


def tell(error: HomeportError, *, as_json: bool) -> int:
    """Say on standard error what went wrong, for people or for programs; returns the exit code."""
    usage = isinstance(error, UsageError)
    if as_json:
        problem = Problem(
            type=f"urn:homeport:error:{snake_case(type(error).__name__)}",
            title="the source has errors" if isinstance(error, ScanFailed) else "the node process cannot start",
            status=400 if usage else 500,
            detail=str(error),
            code=snake_case(type(error).__name__),
            fields={"findings": error.findings} if isinstance(error, ScanFailed) else None,
        )
        print(msgspec.json.encode(problem).decode(), file=sys.stderr)
    else:
        print(error if isinstance(error, ScanFailed) else f"error: {error}", file=sys.stderr)
    return _USAGE if usage else _FAILED


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not every Python has it
        asyncio.run(work)
    else:
        uvloop.run(work)
