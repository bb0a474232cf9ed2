"""One process at a time in a data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from homeport.registry.store.port import FolderInUse


class FolderLock:
    """Held from construction to ``release``, or until the process ends, however it ends.

    Raises:
        FolderInUse: another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._handle, 32).decode(errors="replace").strip()
            os.close(self._handle)
            raise FolderInUse(
                f"data folder {folder} is in use by pid {holder or '(unknown)'}; stop that node with `homeport stop`, "
                f"or choose another folder with --data"
            ) from error
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._handle)
