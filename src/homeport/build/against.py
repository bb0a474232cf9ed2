"""Findings for what changed since an earlier state of the application in a way that its callers would notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homeport.build.diagnostics.finding import Finding
from homeport.build.difference import ServiceChange, difference
from homeport.build.generator.registry_rows import ServiceRow
from homeport.build.plan import Location


def against(earlier: Mapping[str, ServiceRow], now: Mapping[str, ServiceRow]) -> tuple[Finding, ...]:
    """One HP421 for each breaking change, where its service is defined now, or was."""
    return tuple(_findings(difference(earlier, now), earlier, now))


def _findings(
    changes: list[ServiceChange], earlier: Mapping[str, ServiceRow], now: Mapping[str, ServiceRow]
) -> Iterator[Finding]:
    for change in changes:
        if change.breaking:
            at = _place(change.service, earlier, now)
            yield Finding(
                severity="error",
                code="HP421",
                path=at.path,
                line=at.line if change.service in now else 0,
                column=1,
                message=f"callers of {change.service!r} as it was would notice: {change.what}",
                hint=change.fix,
            )


def _place(service: str, earlier: Mapping[str, ServiceRow], now: Mapping[str, ServiceRow]) -> Location:
    return (now.get(service) or earlier[service]).service.location
