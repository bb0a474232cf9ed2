"""What is wrong with calls between services: each check looks at one call, or at the whole application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from homeport.build.analyzer.checks.arguments import wrong_arguments
from homeport.build.analyzer.checks.awaits import misused_streams, unawaited_calls
from homeport.build.analyzer.checks.blocking import blocking_calls
from homeport.build.analyzer.checks.dependencies import unknown_services
from homeport.build.analyzer.checks.graph import dependency_cycles, unused_services
from homeport.build.analyzer.checks.literals import wrong_literals
from homeport.build.analyzer.checks.methods import unknown_methods
from homeport.build.analyzer.checks.results import misused_results
from homeport.build.analyzer.checks.shared_state import shared_state
from homeport.build.analyzer.checks.types import unserialisable_types
from homeport.build.analyzer.linked import LinkedApplication
from homeport.build.analyzer.sites import CallSite, call_sites
from homeport.build.diagnostics.finding import Finding

OF_CALLS: tuple[Callable[[CallSite], Iterable[Finding]], ...] = (
    unknown_methods,
    wrong_arguments,
    wrong_literals,
    unawaited_calls,
    misused_streams,
    misused_results,
)
OF_APPLICATIONS: tuple[Callable[[LinkedApplication], Iterable[Finding]], ...] = (
    unknown_services,
    dependency_cycles,
    unused_services,
    unserialisable_types,
    blocking_calls,
    shared_state,
)


def check(application: LinkedApplication) -> Iterator[Finding]:
    """The findings of all checks, each once: what two services inherit is wrong in one place."""
    found: dict[Finding, None] = {}
    for look in OF_APPLICATIONS:
        found.update(dict.fromkeys(look(application)))
    for site in call_sites(application):
        for check_call in OF_CALLS:
            found.update(dict.fromkeys(check_call(site)))
    yield from found
