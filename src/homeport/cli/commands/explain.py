"""``homeport explain``: what a finding means, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from homeport.cli import options
from homeport.cli.parameters import argument

if TYPE_CHECKING:
    from rich.console import RenderableType

    from homeport.build.diagnostics.rule import Rule
    from homeport.cli.surroundings import Surroundings
    from homeport.cli.terminal import Terminal


def _rules(_: Surroundings, node: str | None, incomplete: str) -> list[tuple[str, str]]:
    from homeport.build.diagnostics.rules import RULES

    return [(rule.code, rule.summary) for rule in RULES.values() if rule.code.startswith(incomplete.upper())]


def explain(
    surroundings: Surroundings,
    rule: Annotated[
        str | None,
        argument(metavar="RULE", help="A code or a name: HP302, cycle.", complete=_rules),
    ] = None,
    everything: Annotated[bool, options.flag("--all", help="List all rules.")] = False,
    as_json: options.Json = False,
) -> None:
    """Explain a finding of `homeport check`.

    What is wrong, what comes of it, an example, and how to mend or silence it.

    Examples:

      homeport explain HP302
      homeport explain unknown-method
      homeport explain --all
    """
    from homeport.build.diagnostics.rules import RULES
    from homeport.cli.terminal import Terminal

    terminal = Terminal(json=as_json)
    if everything or rule is None:
        if as_json:
            terminal.value(list(RULES.values()))
        else:
            _print_all(terminal)
        return
    found = _look_up(rule)
    if as_json:
        terminal.value(found)
    else:
        _print(terminal, found)


def _look_up(text: str) -> Rule:
    from homeport.build.diagnostics.rules import RULES, find_rule
    from homeport.cli.errors import CommandError, ExitCode
    from homeport.errors import near_names

    rule = find_rule(text)
    if rule is None:
        names = [*RULES, *(known.name for known in RULES.values())]
        near = near_names(text.upper(), names) or near_names(text.lower(), names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise CommandError(
            f"there is no rule {text!r}{hint}",
            exit_code=ExitCode.NO_SUCH_NAME,
            kind="no_such_rule",
            next=f"homeport explain {near[0] if near else '--all'}",
        )
    return rule


def _print_all(terminal: Terminal) -> None:
    from rich.markup import escape

    from homeport.build.diagnostics.rules import FAMILIES, RULES
    from homeport.cli.table import Column, print_table

    columns = [Column("CODE"), Column("NAME"), Column("SEVERITY", rank=1), Column("WHAT IT SAYS", flexible=True)]
    for family, title in FAMILIES.items():
        rules = [rule for rule in RULES.values() if rule.code.startswith(family)]
        if not rules:
            continue
        terminal.say(f"[head]{family}xx  {title}[/]")
        rows = [[rule.code, rule.name, _severity(rule), escape(rule.summary)] for rule in rules]
        print_table(terminal, columns, rows)
        terminal.say("")


def _severity(rule: Rule) -> str:
    style = {"error": "red", "warning": "yellow"}.get(rule.severity, "cyan")
    return f"[{style}]{rule.severity}[/]"


def _print(terminal: Terminal, rule: Rule) -> None:
    from rich.markup import escape

    from homeport.build.diagnostics.explaining import silencing

    seen = ", told only when selected" if rule.quiet else ""
    terminal.say(f"[head]{rule.code}[/]  [name]{escape(rule.name)}[/]  {_severity(rule)}[dim]{seen}[/]", "")
    terminal.say(_prose(rule.summary))
    for title, text in (("Why it matters", rule.why), ("What to do", rule.fix)):
        terminal.say("", f"[head]{title}[/]", _prose(text))
    for title, code in (("For example", rule.example), ("Mended", rule.better)):
        if code:
            terminal.say("", f"[head]{title}[/]", _code(code))
    terminal.say("", "[head]To silence it[/]", _prose(silencing(rule)))


def _prose(text: str) -> RenderableType:
    from rich.padding import Padding
    from rich.text import Text

    shown = Text(text)
    shown.highlight_regex(r"`[^`]+`", "cyan")
    return Padding(shown, (0, 0, 0, 2), expand=False)


def _code(text: str) -> RenderableType:
    """Uncoloured: colours that can be read on every background are too few for a language."""
    from rich.padding import Padding
    from rich.text import Text

    return Padding(Text(text), (0, 0, 0, 2), expand=False)
