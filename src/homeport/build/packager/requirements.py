"""Which distributions an application needs: those it declares, those it imports, and all that these require."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from homeport.build.diagnostics.finding import Finding


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution, as far as its metadata says what else it needs."""

    name: str
    version: str
    requires: tuple[str, ...] = ()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A line that asks for a distribution, and where it stands."""

    text: str
    source: str  # "pyproject.toml", "requirements.txt", "homeport"
    line: int = 0


Find = Callable[[str], Installed | None]
"""The installed distribution of a canonical name."""


class Closure(msgspec.Struct, frozen=True, kw_only=True):
    """Names of distributions, in order, and what is wrong with them."""

    names: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def closure(wanted: Iterable[Wanted], find: Find) -> Closure:
    """All distributions that ``wanted`` asks for, and all that those require under the markers of this Python."""
    walk = _Walk(find)
    for one in wanted:
        walk.want(one)
    return Closure(names=tuple(sorted(walk.names)), findings=tuple(walk.findings))


def direct(name: str, find: Find) -> tuple[str, ...]:
    """The distributions that an installed one requires itself, in order."""

    def alone(other: str) -> Installed | None:
        found = find(other)
        return msgspec.structs.replace(found, requires=()) if found is not None else None

    installed = find(name)
    wanted = [Wanted(text=text, source=name) for text in installed.requires] if installed is not None else []
    return closure(wanted, alone).names


class _Walk:
    def __init__(self, find: Find) -> None:
        self._find = find
        self.names: set[str] = set()
        self.findings: list[Finding] = []
        self._seen: set[tuple[str, str]] = set()  # of a distribution and one of its extras

    def want(self, wanted: Wanted) -> None:
        pending = [(wanted, "")]
        while pending:
            one, extra = pending.pop()
            requirement = _parsed(one, extra)
            if requirement is None:
                continue
            name = canonicalize_name(requirement.name)
            installed = self._find(name)
            if installed is None:
                self._report(one, f"{one.source} requires {requirement.name}, which is not installed here")
                continue
            if not requirement.specifier.contains(installed.version, prereleases=True):
                here = f"{installed.version} is installed here"
                self._report(one, f"{one.source} requires {requirement.name}{requirement.specifier}, and {here}")
            self.names.add(name)
            for further in ("", *sorted(requirement.extras)):
                if (name, further) not in self._seen:
                    self._seen.add((name, further))
                    pending += [(Wanted(text=text, source=installed.name), further) for text in installed.requires]

    def _report(self, wanted: Wanted, message: str) -> None:
        of_project = wanted.line > 0
        self.findings.append(
            Finding(
                severity="error" if of_project else "warning",
                path=wanted.source if of_project else "",
                line=wanted.line,
                column=1 if of_project else 0,
                message=message,
                code="HP603",
                hint=f"install it: pip install {wanted.text.partition(';')[0].strip()!r}",
            )
        )


def _parsed(wanted: Wanted, extra: str) -> Requirement | None:
    """None for what does not apply here."""
    try:
        requirement = Requirement(wanted.text)
    except InvalidRequirement:
        return None
    marker = requirement.marker
    if marker is None:
        return None if extra else requirement  # what comes without an extra was taken with the distribution itself
    applies = marker.evaluate({"extra": extra})
    return requirement if applies and (not extra or not marker.evaluate({"extra": ""})) else None


# -- what a project declares -------------------------------------------------------------------------------------------


def declared_in_project(text: str, table: Mapping[str, object]) -> Iterator[Wanted]:
    """``[project] dependencies`` of a pyproject.toml, whose text tells the lines."""
    project = table.get("project")
    found = project.get("dependencies", ()) if isinstance(project, Mapping) else ()
    lines = text.splitlines()
    for requirement in found if isinstance(found, Sequence) else ():
        if isinstance(requirement, str):
            line = next((number for number, line in enumerate(lines, 1) if requirement in line), 1)
            yield Wanted(text=requirement, source="pyproject.toml", line=line)


def declared_in_list(text: str, source: str = "requirements.txt") -> Iterator[Wanted]:
    """Requirements of a pip list; options, other lists and addresses are passed over."""
    for number, line in enumerate(text.splitlines(), 1):
        requirement = line.partition(" #")[0].partition(" --")[0].strip().rstrip("\\").strip()
        if requirement and not requirement.startswith(("#", "-", ".", "/")) and "://" not in requirement:
            yield Wanted(text=requirement, source=source, line=number)
