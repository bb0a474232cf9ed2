"""Findings, rules and comments in; out comes what is to be told, and which comments had no part in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

import msgspec

from homeport.build.diagnostics.comments import Ignore
from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.selection import Selection, undeniable

Comments = Mapping[str, Sequence[Ignore]]  # by the path that findings have


class Idle(msgspec.Struct, frozen=True):
    """A comment of which some codes, or all of it, silence nothing."""

    path: str
    ignore: Ignore
    codes: tuple[str, ...]  # those; none: the whole comment


class Sifted(msgspec.Struct, frozen=True):
    kept: tuple[Finding, ...]
    silenced: int  # by comments
    idle: tuple[Idle, ...]


def sift(findings: Iterable[Finding], selection: Selection, comments: Comments, root: PurePath) -> Sifted:
    """What is left when the settings and the comments of the source have had their say.

    A comment is not idle when it silences a finding, told otherwise or not, or names a rule that is not selected.
    """
    kept: list[Finding] = []
    silenced = 0
    used: dict[tuple[str, Ignore], set[str]] = {}
    for finding in findings:
        reaching = (
            [] if undeniable(finding) else [one for one in comments.get(finding.path, ()) if one.reaches(finding)]
        )
        naming = [one for one in reaching if one.names(finding.code)]
        for ignore in naming:
            codes = {code for code in ignore.codes if finding.code.startswith(code)}
            used.setdefault((finding.path, ignore), set()).update(codes)
        if not selection.takes(finding, root):
            continue
        if naming:
            silenced += 1
        else:
            kept.append(finding)
    return Sifted(tuple(kept), silenced, tuple(_idle(comments, used, selection)))


def _idle(comments: Comments, used: Mapping[tuple[str, Ignore], set[str]], selection: Selection) -> Iterable[Idle]:
    for path, ignores in comments.items():
        for ignore in ignores:
            if ignore.wrong and not ignore.codes:
                continue  # told as wrong
            at_work = used.get((path, ignore))
            if not ignore.codes:
                if at_work is None:
                    yield Idle(path, ignore, ())
                continue
            idle = tuple(code for code in ignore.codes if code not in (at_work or ()) and selection.knows(code))
            if idle:
                yield Idle(path, ignore, () if len(idle) == len(ignore.codes) else idle)
