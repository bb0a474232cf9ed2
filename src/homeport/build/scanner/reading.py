"""Reads a source file as it stands at one moment."""

from __future__ import annotations

import hashlib
import os

import msgspec

from homeport.build.scanner.tree import NO_FILE, Identity, identity

DIGEST_BYTES = 16
SETTLED_NANOSECONDS = 2_000_000_000
"""Times on coarse file systems could hide a change that is younger."""
_ATTEMPTS = 3  # at reading a file that changes meanwhile


class SourceText(msgspec.Struct, frozen=True):
    content: bytes
    digest: bytes  # of the content
    identity: Identity  # of the file when it had this content


def read_source(path: str) -> SourceText:
    """The content of a file with the identity that it had before and after it was read.

    A file that never stands still for so long gets ``NO_FILE``.

    Raises:
        OSError: it cannot be read.
    """
    # Without O_NONBLOCK a named pipe that took the file's place would hold up the scan.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        for _ in range(_ATTEMPTS):
            before = identity(os.fstat(descriptor))
            content = _all_of(descriptor, before[0])
            if identity(os.fstat(descriptor)) == before and len(content) == before[0]:
                return SourceText(content, digest_of(content), before)
        return SourceText(content, digest_of(content), NO_FILE)
    finally:
        os.close(descriptor)


def digest_of(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


def is_settled(found: Identity, now: int) -> bool:
    """Whether a file changed long enough before ``now``, in nanoseconds, that a later change shows in its times."""
    return max(found[1], found[2]) < now - SETTLED_NANOSECONDS


def _all_of(descriptor: int, size: int) -> bytes:
    content = os.pread(descriptor, size + 1, 0)
    while len(content) > size and (more := os.pread(descriptor, len(content), len(content))):
        content += more
    return content
