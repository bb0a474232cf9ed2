"""What a scan has to say, as terminals show it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from homeport.build.diagnostics.finding import Finding, labelled

if TYPE_CHECKING:
    from rich.text import Text

    from homeport.build.diagnostics.formats.full import Row


def finding_text(finding: Finding, root: str = "") -> str:
    """As compilers write it, so that editors find the place; ``root`` is what its path is relative to."""
    path = Path(root) / finding.path
    if path.is_dir() or finding.path in ("", "."):
        return labelled(finding)
    if not finding.line:
        return f"{finding.path}: {labelled(finding)}"
    return f"{from_here(path)}:{finding.line}:{finding.column}: {labelled(finding)}"


STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "note": "bold cyan",
    "place": "bold",
    "gutter": "blue",
    "hint": "bold",
    "command": "cyan",
}


def styled(row: Row) -> Text:
    """A row of a finding in its colours."""
    from rich.text import Text

    return Text.assemble(*((piece.text, STYLES.get(piece.role, "")) for piece in row))


def from_here(path: Path) -> str:
    """Relative to the working folder if below it, so that terminals and editors open it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def with_source_places(text: str, data: str, source: str) -> str:
    """``text`` with paths into any release below ``data`` turned into those of the files they were copied from.

    While a reload is tried, releases other than the present one speak too; and what a worker says of its own files is
    relative to the folder it was started in.
    """
    below = rf"(?:{re.escape(data)}|(?<![\w./-]){re.escape(Path(data).name)})"
    inside = "" if source == "." else f"{source}/"
    text = re.sub(rf"{below}/releases/[^/\s]+/", lambda _: inside, text)
    return re.sub(rf"{below}/releases/\w+", lambda _: source, text)
