"""Whether the settings fit the application that they are for."""

from __future__ import annotations

from pathlib import Path

from homeport.build.diagnostics.checking import selection_of
from homeport.build.diagnostics.finding import Finding
from homeport.build.plan import Plan
from homeport.config import Config
from homeport.errors import near_names


def settings_findings(plan: Plan, config: Config) -> tuple[Finding, ...]:
    """Settings for services that the application does not have, and replicas that a singleton cannot have."""
    names = [service.name for service in plan.services]
    found = []
    for name, settings in config.services.items():
        service = plan.service(name)
        if service is None:
            near = near_names(name, names)
            hint = f"did you mean {' or '.join(near)}?" if near else ""
            found.append(_finding(name, "HP801", f"the application has no service {name!r}", hint))
        elif service.singleton and (settings.replicas or 0) > 1:
            found.append(_finding(name, "HP802", f"{name!r} is a singleton: it runs once, whatever replicas says"))
    return tuple(found)


def told_settings(plan: Plan, config: Config) -> tuple[Finding, ...]:
    """Those of ``settings_findings`` that the settings do not silence themselves."""
    selection, root = selection_of(config.check, Path(plan.root)), Path(plan.root)
    return tuple(finding for finding in settings_findings(plan, config) if selection.takes(finding, root))


def _finding(name: str, code: str, message: str, hint: str = "") -> Finding:
    return Finding(
        severity="warning", path=f"[services.{name}]", line=0, column=0, code=code, message=message, hint=hint
    )
