"""Files that commands write for people."""

from __future__ import annotations

from pathlib import Path


def read_text(file: Path) -> str | None:
    """None: there is no such file, or it is no text."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def write_text(file: Path, text: str) -> None:
    """Write the whole file, with its folders; lines end alike on every system.

    Raises:
        CommandError: it cannot be written.
    """
    from homeport.cli.errors import CommandError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from error
