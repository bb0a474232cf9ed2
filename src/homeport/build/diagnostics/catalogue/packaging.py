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
    Rule(
        code="HP602",
        name="import-not-installed",
        severity="error",
        summary="A module of the application imports a package that is not installed where the artefact is built.",
        why="An artefact holds what is installed; the service would fail when it is started elsewhere.",
        fix="Install the package in the environment that runs `homeport build`.",
        example="import boto3  # not installed",
        better="try:\n    import boto3\nexcept ImportError:\n    boto3 = None  # the service does without",
    ),
    Rule(
        code="HP603",
        name="requirement-not-met",
        severity="error",
        summary="A requirement of the project is not installed, or in a version that does not fit.",
        why="The artefact would run with other libraries than the project asks for.",
        fix="Install what the message names, as in `pip install -e .`, and build again.",
    ),
    Rule(
        code="HP604",
        name="secret-in-artefact",
        severity="warning",
        summary="The settings file that goes into the artefact holds a secret.",
        why="Everybody who has the artefact can read it.",
        fix="Give secrets where the artefact runs: by the environment, or in a `.env` beside it.",
        example='[node]\ntoken = "s3cret"',
        better="$ HOMEPORT_NODE__TOKEN=s3cret ./shop run",
    ),
    Rule(
        code="HP605",
        name="computed-import",
        severity="warning",
        summary="A module of the application is imported by a name that is computed while it runs.",
        why="An executable made with `--binary` has only the modules that are found by name.",
        fix="Say what it may be: `include` under `[build]` takes libraries, and modules of the application.",
        example="plugin = import_module(name)",
        better='plugin = import_module(f"plugins.{name}")  # all of `plugins` goes in',
    ),
)
