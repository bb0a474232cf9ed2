"""Findings that only importing shows: what changed since an earlier build in a way that callers notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from homeport.build.diagnostics.finding import Finding
    from homeport.build.plan import Plan


def changes_since(named: str, plan: Plan, cwd: Path) -> tuple[Finding, ...]:
    """Breaking changes of the plan's contracts; none while the source has errors, which come first.

    Raises:
        UsageError: ``named`` is nothing that `homeport build` made, or it is damaged.
    """
    from homeport.build.against import against
    from homeport.build.states import of_plan, stored_state
    from homeport.errors import UsageError

    earlier = stored_state(named, cwd)
    if earlier is None:
        raise UsageError(
            f"--against {named}: there is no such registry; name a .registry.json or an artefact that `homeport build` "
            f"made"
        )
    if any(finding.severity == "error" for finding in plan.findings):
        return ()
    now = of_plan(plan, plan.root)
    return (*now.findings, *against(earlier.rows, now.rows))
