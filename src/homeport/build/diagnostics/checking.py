"""What a check of an application has to tell: the plan's findings, sifted by settings and comments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from homeport.build.diagnostics.comments import ignores
from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.selection import Selection, wrong_codes
from homeport.build.diagnostics.sifting import sift
from homeport.build.diagnostics.texts import Texts
from homeport.build.plan import Plan
from homeport.config import CheckConfig
from homeport.config_sources import settings_file
from homeport.errors import ConfigError

QUIET = frozenset({"HP120", "HP301"})  # rules that only advise; known here so that a node need not load all rules


def selection_of(config: CheckConfig, base: Path) -> Selection:
    """What the settings select; ``base`` is the folder of the settings file."""
    return Selection(
        select=config.select,
        ignore=config.ignore,
        quiet=QUIET,
        per_file=config.per_file_ignores,
        exclude=config.exclude,
        base=base,
    )


def globs_start(root: Path) -> Path:
    """The folder of the settings file for the code at ``root``; without one, ``root`` itself."""
    try:
        file = settings_file(root)
    except ConfigError:  # told by whoever reads the settings
        return root
    return file.parent if file is not None else root


def settled(plan: Plan, config: CheckConfig) -> Plan:
    """The plan with those findings alone that a start is to tell: no notes, and nothing that was silenced."""
    root = Path(plan.root)
    selection = selection_of(config, globs_start(root))
    texts = Texts(root)
    loud = [finding for finding in plan.findings if finding.severity != "note"]
    comments = {path: ignores(texts.bytes_of(path)) for path in {finding.path for finding in loud}}
    return msgspec.structs.replace(plan, findings=sift(loud, selection, comments, root).kept)


class Checked(msgspec.Struct, frozen=True):
    """Findings in order of place, those of the settings last."""

    findings: tuple[Finding, ...]
    silenced: int


def checked(findings: Iterable[Finding], selection: Selection, texts: Texts, judged: Iterable[str] = ()) -> Checked:
    """Sift all that was found, and tell of comments that are wrong, or silence nothing.

    The latter can be said only of the files ``judged``: those of which every finding is known.
    """
    from homeport.build.diagnostics.rules import RULES
    from homeport.build.diagnostics.unused import unused_ignores, wrong_ignores

    found, whole = list(findings), set(judged)
    paths = whole | {finding.path for finding in found if selection.takes(finding, texts.root)}
    comments = {path: read for path in sorted(paths) if (read := ignores(texts.bytes_of(path)))}
    sifted = sift(found, selection, comments, texts.root)
    idle = [one for one in sifted.idle if one.path in whole]
    about_comments = [*unused_ignores(idle, texts.lines), *wrong_ignores(comments, list(RULES))]
    told = [finding for finding in about_comments if selection.takes(finding, texts.root)]
    return Checked(tuple(sorted((*sifted.kept, *told), key=_place)), sifted.silenced)


def selection_findings(config: CheckConfig) -> Iterable[Finding]:
    """HP803 for each code in the settings that stands for no rule."""
    from homeport.build.diagnostics.rules import RULES
    from homeport.errors import near_names

    named = [*config.select, *config.ignore, *(code for codes in config.per_file_ignores.values() for code in codes)]
    for code in dict.fromkeys(wrong_codes(named, list(RULES))):
        near = near_names(code, RULES)
        hint = f"did you mean {' or '.join(near)}?" if near else "`homeport explain --all` lists the codes"
        message = f"{code!r} is the code of no rule, nor the beginning of one"
        yield Finding(severity="warning", path="[check]", line=0, column=0, code="HP803", message=message, hint=hint)


def _place(finding: Finding) -> tuple[bool, str, int, int, str]:
    return finding.path.startswith("["), finding.path, finding.line, finding.column, finding.code
