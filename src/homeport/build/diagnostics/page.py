"""The page about all rules: ``python -m homeport.build.diagnostics.page > docs/diagnostics.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from homeport.build.diagnostics.explaining import language, silencing
from homeport.build.diagnostics.rule import Rule
from homeport.build.diagnostics.rules import FAMILIES, RULES

_HEAD = """# Findings and what to do about them

Every finding of `homeport check` (and of `homeport run`, which looks first) has a code that never changes its meaning;
`homeport explain HP201` prints the same as this page. How to choose, silence and mend findings: [check](check.md).

Errors stop a start; warnings are shown and make `check` end with 1; notes are only told. *Fixable* ones are mended by
`homeport check --fix`; *quiet* ones are told only when selected.
"""


def page() -> str:
    """The whole page in Markdown."""
    return "\n".join([_HEAD, *_contents(), *(line for code in RULES for line in _section(RULES[code]))])


def _contents() -> Iterator[str]:
    for family, title in FAMILIES.items():
        rules = [rule for rule in RULES.values() if rule.code.startswith(family)]
        if rules:
            yield f"**{family}xx {title}**\n"
            yield "| code | name | severity | |\n|---|---|---|---|"
            for rule in rules:
                yield f"| [{rule.code}](#{_anchor(rule)}) | {rule.name} | {_severity(rule)} | {rule.summary} |"
            yield ""


def _section(rule: Rule) -> Iterator[str]:
    yield f"## {rule.code} {rule.name}\n"
    yield f"{rule.summary} *({_severity(rule)})*\n"
    yield f"{rule.why}\n"
    for title, code in (("", rule.example), ("Mended:\n\n", rule.better)):
        if code:
            yield f"{title}```{language(code)}\n{code}\n```\n"
    yield f"**What to do.** {rule.fix}\n"
    yield f"**To silence it.** {silencing(rule)}\n"


def _severity(rule: Rule) -> str:
    return ", ".join([rule.severity, *["fixable"] * rule.fixable, *["quiet"] * rule.quiet])


def _anchor(rule: Rule) -> str:
    return f"{rule.code.lower()}-{rule.name}"


if __name__ == "__main__":
    sys.stdout.write(page())
