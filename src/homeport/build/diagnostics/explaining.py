"""What can be said of every rule alike."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule
from homeport.build.diagnostics.selection import UNDENIABLE


def silencing(rule: Rule) -> str:
    """How a finding of this rule is silenced, if it can be."""
    if rule.severity == "error" and rule.code.startswith(UNDENIABLE):
        return "It cannot be silenced: what Homeport knows of the application would be wrong or incomplete."
    if rule.code.startswith("HP8"):
        return f'`ignore = ["{rule.code}"]` under `[check]` in homeport.toml.'
    comment = f"`# homeport: ignore[{rule.code}]` on its line"
    if rule.quiet:
        return f"It is told only when selected, as by `--select {rule.code}`; {comment} silences it even then."
    return f'{comment}, or `ignore = ["{rule.code}"]` under `[check]` in homeport.toml.'


def language(code: str) -> str:
    """Of an example: python, toml, or console for what is typed in a shell."""
    if code.startswith("$ "):
        return "console"
    return "toml" if code.startswith(("[", "# homeport.toml")) else "python"
