"""What a code stands for: the text behind ``homeport explain`` and the documentation."""

from __future__ import annotations

import msgspec


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of finding.

    Texts are plain sentences; `backticks` mark code. ``example`` and ``better`` are Python (or TOML for settings).
    """

    code: str  # HP201; never given to another rule, not even after it is gone
    name: str  # unknown-service
    severity: str  # error, warning, note: what its findings are, unless one says otherwise
    summary: str  # one line: what is wrong
    why: str  # what happens because of it
    fix: str  # what to do
    example: str = ""  # source that gets the finding
    better: str = ""  # the same, mended
    fixable: bool = False  # `homeport check --fix` can do it
    quiet: bool = False  # shown only when selected: advice, not a fault
