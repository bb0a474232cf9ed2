"""Which rules' findings are told, by the settings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import PurePath

import msgspec

from homeport.build.diagnostics.finding import Finding

ALL = "ALL"
ABOUT_CODES = "HP803"  # told although not selected: a mistyped code may be all that is selected
_PREFIX = re.compile(r"(HP\d{0,3}|ALL)\Z")
UNDENIABLE = ("HP0", "HP1", "HP7")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Codes or their beginnings; of several that fit, the longest decides, and of two alike the one that ignores."""

    select: tuple[str, ...] = ()  # none: all but quiet rules
    ignore: tuple[str, ...] = ()
    quiet: frozenset[str] = frozenset()  # codes that count as selected only when named whole, or by ALL
    per_file: Mapping[str, tuple[str, ...]] = {}  # glob → codes
    exclude: tuple[str, ...] = ()  # globs of files
    base: PurePath = PurePath()  # the folder that globs may also be relative to: that of the settings file

    def takes(self, finding: Finding, root: PurePath) -> bool:
        """Whether the finding is to be told; ``root`` is the absolute import root, which its path is relative to."""
        if undeniable(finding):
            return True
        chosen = _longest(self._selecting(finding.code), finding.code)
        refused = _longest((*self.ignore, *self._ignored_in(finding.path, root)), finding.code)
        return chosen > refused and not any(self._means(glob, finding.path, root) for glob in self.exclude)

    def knows(self, code: str) -> bool:
        """Whether findings of this code are told somewhere."""
        return _longest(self._selecting(code), code) > _longest(self.ignore, code)

    def _selecting(self, code: str) -> Sequence[str]:
        prefixes = ("HP",) if code == ABOUT_CODES else self.select or ("HP",)
        return [prefix for prefix in prefixes if prefix in (code, ALL)] if code in self.quiet else prefixes

    def _ignored_in(self, path: str, root: PurePath) -> list[str]:
        return [code for glob, codes in self.per_file.items() if self._means(glob, path, root) for code in codes]

    def _means(self, glob: str, path: str, root: PurePath) -> bool:
        whole = root / path
        from_base = whole.relative_to(self.base).as_posix() if whole.is_relative_to(self.base) else path
        return matches(path, glob) or matches(from_base, glob)


def undeniable(finding: Finding) -> bool:
    """Whether the finding says that the plan itself is incomplete: such a one can be mended, not silenced."""
    return finding.severity == "error" and finding.code.startswith(UNDENIABLE)


def matches(path: str, glob: str) -> bool:
    """Whether a glob means this file or a folder above it: by the whole path, or without slashes by any part of it."""
    glob = glob.removeprefix("./").rstrip("/")
    if "/" not in glob:
        return any(fnmatch(part, glob) for part in path.split("/"))
    return fnmatch(path, glob) or fnmatch(path, f"{glob}/*")


def wrong_codes(codes: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those that stand for no rule."""
    return [
        code
        for code in codes
        if not _PREFIX.match(code) or (code != ALL and not any(rule.startswith(code) for rule in known))
    ]


def _longest(prefixes: Sequence[str], code: str) -> int:
    """The length of the longest prefix of ``code``; -1 when none fits."""
    return max((0 if prefix == ALL else len(prefix) for prefix in prefixes if _fits(prefix, code)), default=-1)


def _fits(prefix: str, code: str) -> bool:
    return prefix == ALL or code.startswith(prefix)
