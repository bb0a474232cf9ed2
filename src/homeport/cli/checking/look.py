"""Looks at an application once: scanned, sifted, and with the edits that may be made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from homeport.build.diagnostics.checking import QUIET, checked, selection_findings, selection_of
from homeport.build.diagnostics.fixes.rounds import Looked
from homeport.build.diagnostics.settings import settings_findings
from homeport.build.diagnostics.texts import Texts
from homeport.build.diagnostics.undeclared import undeclared_handles, with_edits
from homeport.build.scanner.store import Trust
from homeport.cli.checking.since import changes_since
from homeport.cli.target import scanned, settings_of

if TYPE_CHECKING:
    from homeport.build.diagnostics.selection import Selection
    from homeport.build.plan import Plan
    from homeport.cli.surroundings import Surroundings

Format = Literal["full", "concise", "json", "sarif", "github", "junit"]
FIXED_UNASKED = ("HP120",)  # quiet rules that `--fix` mends all the same


class CheckOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line; None: not given."""

    target: str = ""  # "": the program's own application, or the working folder
    format: Format = "full"
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None
    against: str = ""  # what `homeport build` made of an earlier state
    fix: bool = False
    diff: bool = False
    watch: bool = False
    cached: bool = True
    trust: Trust = "times"

    @property
    def edits(self) -> bool:
        return self.fix or self.diff


def look(asked: CheckOptions, surroundings: Surroundings) -> Looked:
    """What there is to tell of TARGET as it is now.

    Raises:
        UsageError: TARGET does not exist.
        ConfigError: a setting is wrong.
    """
    flags = {"check.select": asked.select, "check.ignore": asked.ignore}
    loaded = settings_of(asked.target, surroundings, flags)
    config = loaded.config
    plan = scanned(asked.target, surroundings, loaded, trust=asked.trust, cached=asked.cached)
    texts = Texts(Path(plan.root))
    selection = selection_of(config.check, loaded.file.parent if loaded.file else surroundings.cwd().resolve())
    if asked.edits:
        selection = _with_fixable(selection)
    handles = undeclared_handles(plan)
    found = [*plan.findings, *handles, *settings_findings(plan, config), *selection_findings(config.check)]
    if asked.against:
        found += changes_since(asked.against, plan, surroundings.cwd())
    result = checked(found, selection, texts, _judged(plan))
    return Looked(plan, with_edits(result.findings, handles, texts), texts, result.silenced)


def _with_fixable(selection: Selection) -> Selection:
    """The selection with the advice in it that can be followed by an edit, unless a choice of rules was made."""
    if selection.select:
        return selection
    return msgspec.structs.replace(selection, quiet=QUIET.difference(FIXED_UNASKED))


def _judged(plan: Plan) -> tuple[str, ...]:
    """The files of which every finding is known: none when only a part of the application was asked for."""
    whole = not plan.attribute and Path(plan.root, plan.scope).is_dir()
    return plan.commented if whole else ()
