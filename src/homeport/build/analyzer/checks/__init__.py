"""What is wrong with services: each check looks at one call, one service, or the whole application."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from homeport.build.analyzer.checks.arguments import wrong_arguments
from homeport.build.analyzer.checks.awaits import misused_streams, unawaited_calls
from homeport.build.analyzer.checks.blocking import blocking_calls
from homeport.build.analyzer.checks.dependencies import unknown_services
from homeport.build.analyzer.checks.graph import dependency_cycles, unused_services
from homeport.build.analyzer.checks.literals import unsendable_arguments, wrong_literals
from homeport.build.analyzer.checks.methods import unknown_methods
from homeport.build.analyzer.checks.results import misused_results
from homeport.build.analyzer.checks.shared_state import shared_state
from homeport.build.analyzer.checks.types import unserialisable_types
from homeport.build.analyzer.linked import LinkedApplication, LinkedService
from homeport.build.analyzer.sites import CallSite, call_sites
from homeport.build.diagnostics.finding import Finding

OF_CALLS: tuple[Callable[[CallSite], Iterable[Finding]], ...] = (
    unknown_methods,
    wrong_arguments,
    wrong_literals,
    unsendable_arguments,
    unawaited_calls,
    misused_streams,
    misused_results,
)
OF_SERVICES: tuple[Callable[[LinkedApplication], Iterable[Finding]], ...] = (
    unserialisable_types,
    blocking_calls,
    shared_state,
)
"""Each looks at one service after the other; here they are given applications of one."""

OF_APPLICATIONS: tuple[Callable[[LinkedApplication], Iterable[Finding]], ...] = (
    unknown_services,
    dependency_cycles,
    unused_services,
)
"""These look at plans and sites alone: of services that were not analysed anew, nothing else is known."""


def check_application(application: LinkedApplication) -> Iterator[Finding]:
    """What is wrong with how services belong together."""
    for look in OF_APPLICATIONS:
        yield from look(application)


def check_service(application: LinkedApplication, service: LinkedService) -> Iterator[Finding]:
    """What is wrong with one service, and with its calls of others."""
    alone = LinkedApplication({service.name: service}, application.whole)
    for look in OF_SERVICES:
        yield from look(alone)
    for site in call_sites(application, service):
        for check_call in OF_CALLS:
            yield from check_call(site)
