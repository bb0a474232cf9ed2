"""Changes source files on disk: whole or not at all, and nothing about them but the text."""

from __future__ import annotations

import ast
import contextlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from homeport.build.diagnostics.finding import Edit
from homeport.build.diagnostics.fixes.applying import Applied, apply
from homeport.build.diagnostics.texts import encoding_of
from homeport.errors import HomeportError


class NotFixed(HomeportError):
    """A file was left as it was; the message says why."""


def changed(source: bytes, groups: Sequence[Sequence[Edit]]) -> tuple[bytes, Applied]:
    """The source with the edits made, in its own encoding.

    Raises:
        NotFixed: it cannot be decoded, or the result would not be valid Python.
    """
    encoding = encoding_of(source)
    try:
        applied = apply(source.decode(encoding), groups)
        edited = applied.text.encode(encoding)
    except UnicodeError:
        raise NotFixed(f"its text does not fit its encoding {encoding}; save it as UTF-8") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(edited)
    except (SyntaxError, ValueError, RecursionError):
        raise NotFixed("the edited text would be no valid Python; mend this one by hand") from None
    return edited, applied


def replace(path: Path, before: bytes, after: bytes) -> None:
    """Put ``after`` in the place of ``before``, in one step that a crash cannot halve; a link is followed.

    Raises:
        NotFixed: the file is not what it was read as, or may not be written.
    """
    real = path.resolve()
    try:
        if real.read_bytes() != before:
            raise NotFixed("it changed meanwhile; run the check again")
        if not os.access(real, os.W_OK):
            raise NotFixed("it may not be written; change its rights")
        _write(real, after)
    except OSError as error:
        raise NotFixed(f"it cannot be written: {error.strerror}") from error


def _write(real: Path, content: bytes) -> None:
    import tempfile  # slow, and most checks write nothing

    status = real.stat()
    descriptor, temporary = tempfile.mkstemp(prefix=f".{real.name[:100]}.", dir=real.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), status.st_mode & 0o7777)
            with contextlib.suppress(OSError):  # only root may give a file away
                os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fsync(file.fileno())
        os.replace(temporary, real)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
