"""Calls of methods that the other service does not have, or does not serve."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.analyzer.checks.report import finding, maybe_meant
from homeport.build.analyzer.dependencies import HOOKS
from homeport.build.analyzer.linked import LinkedService
from homeport.build.analyzer.sites import CallSite
from homeport.build.diagnostics.finding import Finding
from homeport.errors import near_names

_OF_THE_HANDLE = "request"  # what every handle has besides methods
_MOST_LISTED = 6
_KINDS = {"static": "static method", "class": "class method", "property": "property", "method": "method"}


def unknown_methods(site: CallSite) -> Iterator[Finding]:
    """HP202 and HP207."""
    name, target = site.use.method, site.target
    if name.startswith("_"):
        if not name.startswith("__"):
            yield _private(site, f"{name!r} of service {site.dependency.service!r} is private by its underscore")
    elif target is None or name in target.methods or name == _OF_THE_HANDLE:
        return
    elif name in HOOKS and any(name in member.cls.body.bound for member in target.members):
        yield _private(site, f"{name!r} of service {target.name!r} is a hook that Homeport itself calls")
    elif not target.open:
        message = f"service {target.name!r} has no method {name!r}"
        yield finding("HP202", site.path, site.use, message, _way_out(target, name))


def _private(site: CallSite, message: str) -> Finding:
    public = site.use.method.strip("_")
    meant = [public] if site.target is not None and public in site.target.methods else []
    return finding("HP207", site.path, site.use, message, maybe_meant(meant) or "call a public method, or make one")


def _way_out(target: LinkedService, name: str) -> str:
    for member in target.members:
        for function in member.cls.body.functions_named(name):
            if function.kind == "method" and not function.is_async:
                return f"it has a `def {name}`, which is not served; mark that with @method, or make it `async def`"
            return f"it has a {_KINDS[function.kind]} of that name, which is not served; make it a plain `async def`"
    if near := near_names(name, target.methods):
        return maybe_meant(near)
    known = sorted(target.methods)
    more = ", …" if len(known) > _MOST_LISTED else ""
    return f"it has {', '.join(known[:_MOST_LISTED])}{more}" if known else "it has no methods"
