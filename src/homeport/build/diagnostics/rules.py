"""All rules, found by code or name.

A new rule goes into the module of its hundred below ``catalogue/``, in order of code.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from homeport.build.diagnostics.catalogue import (
    concurrency,
    contracts,
    definition,
    graph,
    packaging,
    reading,
    runtime,
    settings,
    unresolved,
)
from homeport.build.diagnostics.rule import Rule

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "HP0": "Reading and parsing",
        "HP1": "Definitions of services, methods and dependencies",
        "HP2": "What cannot be resolved",
        "HP3": "The graph of services",
        "HP4": "Contracts",
        "HP5": "Async use and shared state",
        "HP6": "Packaging",
        "HP7": "Source, registry and running code differ",
        "HP8": "Settings",
    }
)

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.code: rule
        for family in (
            reading,
            definition,
            unresolved,
            graph,
            contracts,
            concurrency,
            packaging,
            runtime,
            settings,
        )
        for rule in family.RULES
    }
)


def find_rule(text: str) -> Rule | None:
    """The rule of this code or name, in any case; None when there is none."""
    by_code = RULES.get(text.upper())
    return by_code or next((rule for rule in RULES.values() if rule.name == text.lower()), None)
