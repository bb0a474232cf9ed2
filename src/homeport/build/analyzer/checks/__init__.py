"""What is wrong with calls between services: each check looks at the linked application and says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from homeport.build.analyzer.checks.dependencies import unknown_services
from homeport.build.analyzer.linked import LinkedApplication
from homeport.build.diagnostics.finding import Finding

CHECKS: tuple[Callable[[LinkedApplication], Iterable[Finding]], ...] = (unknown_services,)


def check(application: LinkedApplication) -> Iterator[Finding]:
    """The findings of all checks."""
    for look in CHECKS:
        yield from look(application)
