"""HP6xx: copies and artefacts made of the application."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule

RULES = (
    Rule(
        code="HP601",
        name="large-release",
        severity="warning",
        summary="The application's folder is large.",
        why="Every deploy and reload copies it.",
        fix='Leave out what services do not need at run time: `exclude = ["data", "*.csv"]` under `[node]`.',
    ),
)
