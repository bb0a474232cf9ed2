"""HP7xx: the source, the built registry and the imported classes say different things."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule

RULES = (
    Rule(
        code="HP701",
        name="unlisted-service",
        severity="error",
        summary="A class is marked as a service when imported, but the registry does not list it.",
        why="It was made in a way that reading the source cannot follow, or the registry is older than the source. "
        "Nobody would start it, and its calls would go unchecked, so workers refuse to import it.",
        fix="Mark a class statement with `@service` itself; if a decorator of your own does it, name that in `markers` "
        "under `[build]`. If the registry is old, build again. Name a single class as TARGET to run that alone.",
        example="for name in NAMES:\n    service(name=name)(type(name, (Base,), {}))",
        better="@service(name='north')\nclass North(Base): ...",
    ),
    Rule(
        code="HP702",
        name="registry-mismatch",
        severity="error",
        summary="An imported class differs from what the registry says of it.",
        why="The worker would serve other methods, or lack dependencies, than everybody was told. It refuses to start.",
        fix="If a class is changed while it is imported, say in the source what it ends up as: plain options in "
        "`@service`, dependencies by annotations or `@service(uses=[…])`. If the registry is old, build again.",
    ),
    Rule(
        code="HP703",
        name="import-failed",
        severity="error",
        summary="A module with services cannot be imported.",
        why="Its services cannot start.",
        fix="Mend what the traceback's last line names; install what is missing.",
    ),
    Rule(
        code="HP704",
        name="unservable-service",
        severity="error",
        summary="A class is there once imported, but cannot be served as it is.",
        why="A worker would refuse to start it: a type cannot travel between processes, or the class is no service.",
        fix="Do what the message says of the method and type that it names.",
        example="@service\nclass Reports:\n    async def latest(self) -> Iterator[str]: ...",
        better="@service\nclass Reports:\n    async def latest(self) -> list[str]: ...",
    ),
    Rule(
        code="HP720",
        name="deployed-release",
        severity="warning",
        summary="The node runs a release that was deployed, and not the source that it was started with.",
        why="What was decided by a deploy outlives a restart of the node.",
        fix="`homeport deploy` runs the source as it is now; `homeport deploy rollback` undoes the deploy.",
    ),
)
