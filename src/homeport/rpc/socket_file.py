"""A Unix socket that only its owner can reach from the first moment on, and the file it stands behind."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path


class SocketFile:
    """Bound, and listening as soon as a server takes ``socket``.

    Raises:
        OSError: the path may not be taken.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | getattr(socket, "SOCK_CLOEXEC", 0))
        mask = os.umask(0o177)
        try:
            self.socket.bind(path)
        except OSError:
            self.socket.close()
            raise
        finally:
            os.umask(mask)
        self._inode = os.stat(path).st_ino

    def remove(self) -> None:
        """Unless a successor has put its own socket at the same path."""
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
