"""The settings that go into an artefact, and the secrets that should not."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.config import REDACTED, redacted


class EmbeddedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings file as it is, if it has settings of Homeport; no file otherwise."""

    files: dict[str, bytes] = {}
    findings: tuple[Finding, ...] = ()


def embedded_settings(file: Path | None) -> EmbeddedSettings:
    """Of the settings file that belongs to the application; it has been read before, so it is valid."""
    if file is None:
        return EmbeddedSettings()
    content = file.read_bytes()
    table = tomllib.loads(content.decode())
    own = table.get("tool", {}).get("homeport", {}) if file.name == "pyproject.toml" else table
    if not own:
        return EmbeddedSettings()
    lines = content.decode().splitlines()
    findings = tuple(_told(file, path, lines) for path in _secrets(redacted(own), own))
    return EmbeddedSettings(files={file.name: content}, findings=findings)


def _secrets(shown: Any, real: Any, path: str = "") -> list[str]:
    """Dotted paths of what would not be shown."""
    if isinstance(real, dict):
        return [
            found
            for key, value in real.items()
            for found in _secrets(shown[key] if isinstance(shown, dict) else shown, value, f"{path}.{key}".lstrip("."))
        ]
    return [path] if shown != real or shown == REDACTED else []


def _told(file: Path, path: str, lines: list[str]) -> Finding:
    key = path.rpartition(".")[2]
    line = next((number for number, text in enumerate(lines, 1) if text.lstrip().startswith(key)), 1)
    variable = f"HOMEPORT_{path.upper().replace('.', '__')}"
    return Finding(
        severity="warning",
        path=str(file),
        line=line,
        column=1,
        message=f"the secret {path} goes into the artefact, where everybody who has the file can read it",
        code="HP604",
        hint=f"remove it there, and set {variable} where the artefact runs",
    )
