"""HP8xx: settings that do not fit the application."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule

RULES = (
    Rule(
        code="HP801",
        name="settings-of-no-service",
        severity="warning",
        summary="There are settings for a service that the application does not have.",
        why="They change nothing; the name may be mistyped.",
        fix="Correct the name, or remove the table.",
        example="[services.payment]  # the service is called payments\nreplicas = 2",
        better="[services.payments]\nreplicas = 2",
    ),
    Rule(
        code="HP802",
        name="replicas-of-singleton",
        severity="warning",
        summary="A singleton is given more than one replica.",
        why="It runs once, whatever `replicas` says.",
        fix="Remove `replicas`, or `singleton=True`.",
    ),
    Rule(
        code="HP803",
        name="unknown-selection",
        severity="warning",
        summary="`select`, `ignore` or `per-file-ignores` names a code that no rule has.",
        why="It selects nothing.",
        fix="Write codes such as HP201 or their beginnings such as HP2; `homeport explain --all` lists them.",
        example='[check]\nignore = ["HP299"]',
        better='[check]\nignore = ["HP201"]',
    ),
    Rule(
        code="HP804",
        name="unknown-marker",
        severity="warning",
        summary="`markers` names a decorator that the application does not have.",
        why="The classes that it decorates are not found.",
        fix="Write the full name of the decorator: its module, a dot, its name there.",
        example='[build]\nmarkers = ["our_service"]',
        better='[build]\nmarkers = ["shop.decorators.our_service"]',
    ),
)
