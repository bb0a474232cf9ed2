"""Programs beside this one that answer a line of JSON with a line of JSON."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.harness import nodes


class Program:
    """Started, and has said that it is ready; it ends when its standard input does."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process, self._name = process, name

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, **request: Any) -> None:
        """Send without waiting; ``answer`` gives what it says to it."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()

    def answer(self) -> Any:
        """
        Raises:
            RuntimeError: it has ended instead.
        """
        stdout = self._process.stdout
        line = stdout.readline() if stdout is not None else ""
        if not line:
            status = self._process.wait(5)
            raise RuntimeError(f"{self._name} ended without an answer (status {status}); it said why above")
        return json.loads(line)

    def ask(self, **request: Any) -> Any:
        self.tell(**request)
        return self.answer()


@contextmanager
def started(command: list[str], name: str) -> Iterator[Program]:
    """A program as it has just been started, ready or not (its first ``answer`` says so); ended with the block."""
    process = subprocess.Popen(
        command,
        cwd=nodes.ROOT,
        env=nodes.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    try:
        yield Program(process, name)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
