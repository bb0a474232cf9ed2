"""Reads many source files on all cores, where that is quicker than on one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from heapq import heapreplace
from operator import itemgetter
from types import TracebackType
from typing import IO, Self

import msgspec

from homeport.build.scanner.store import FactsStore, FileReading
from homeport.build.scanner.tree import Identity
from homeport.program import own_program

PAYS_FROM = 2_000_000
"""Bytes for each process: in less, one core is done before another Python has started and told what it has read."""
_MOST = 8  # processes
_PATIENCE = 300.0  # seconds
_PROGRAM = "homeport.build.scanner.helper"


class Share(msgspec.Struct, frozen=True, array_like=True):
    """What one helper is to read."""

    root: str
    paths: list[str]


def read_many(store: FactsStore, scope: Mapping[str, Identity], root: str) -> None:
    """Enter into the store what the cache does not have, if that is enough for several processes."""
    missing = {path: found[0] for path, found in scope.items() if store.kept(path, found) is None}
    shares = divide(missing, max(1, min(_MOST, cores(), sum(missing.values()) // PAYS_FROM)))
    if len(shares) < 2:
        return
    own, *others = shares
    with ExitStack() as stack:
        helpers = [stack.enter_context(Helper(Share(root, paths))) for paths in others]
        for path in own:
            store.entry(path, scope[path])
        for helper in helpers:
            for read in helper.wait():
                store.take(read)


def divide(sizes: Mapping[str, int], count: int) -> list[list[str]]:
    """At most ``count`` shares of about as many bytes each; none of them empty.

    Neighbours go to different shares: where there is one service there are more, and these take longest to read.
    """
    shares = [(0, number, list[str]()) for number in range(max(1, count))]  # bytes first: the smallest is on top
    for path, size in sizes.items():
        total, number, paths = shares[0]
        paths.append(path)
        heapreplace(shares, (total + size, number, paths))
    return [paths for _, _, paths in sorted(shares, key=itemgetter(1)) if paths]


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Helper:
    """Another Python that reads a share.

    Files carry what it is told and what it tells: a pipe would fill while nobody reads.
    """

    def __init__(self, share: Share) -> None:
        self._share = share
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    def __enter__(self) -> Self:
        import tempfile  # slow, and most scans need no helper

        try:
            self._said = tempfile.TemporaryFile()
            with tempfile.TemporaryFile() as told:
                told.write(msgspec.msgpack.encode(self._share))
                told.seek(0)
                self._process = subprocess.Popen(
                    [*own_program(), _PROGRAM], stdin=told, stdout=self._said, stderr=subprocess.DEVNULL
                )
        except (OSError, UnicodeEncodeError):
            pass  # then this process reads it all
        return self

    def wait(self) -> list[FileReading]:
        """What the helper has read; nothing, when it failed."""
        if self._process is None or self._said is None:
            return []
        try:
            if self._process.wait(_PATIENCE) != 0:
                return []
            self._said.seek(0)
            return msgspec.msgpack.decode(self._said.read(), type=list[FileReading])
        except (subprocess.TimeoutExpired, OSError, msgspec.DecodeError):
            return []

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._said is not None:
            self._said.close()
