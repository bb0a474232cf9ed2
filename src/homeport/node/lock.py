"""One node process at a time on a data folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from homeport.errors import ConfigError


@contextlib.contextmanager
def held(data: Path) -> Iterator[None]:
    """Hold the folder while the block runs; the kernel lets go of it when the process ends, however it ends.

    Raises:
        ConfigError: another node process holds it.
    """
    handle = os.open(data / "run" / "node.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise ConfigError(
                f"the data folder {data} is in use by the node process {holder}; stop it with "
                f"`homeport stop --node {data.parent}`, or choose another folder with --data"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
