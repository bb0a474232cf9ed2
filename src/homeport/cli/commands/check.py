"""``homeport check``: what is wrong with an application, without running it."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from homeport.cli import options

RULES, EDITS, READING = "Which findings", "Edits", "Reading"


def check(
    context: typer.Context,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A folder, a module, module:Class or module:app.")
    ] = "",
    format: Annotated[
        Literal["full", "concise", "json", "sarif", "github", "junit"],
        typer.Option(metavar="FORMAT", help="full, concise, json, sarif, github or junit."),
    ] = "full",
    select: Annotated[
        list[str] | None,
        typer.Option(metavar="CODES", help="Only these, as HP2,HP302; ALL for every rule.", rich_help_panel=RULES),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="CODES", help="All but these.", rich_help_panel=RULES)
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Also what changed since FILE, made by `homeport build`, that callers would notice; imports TARGET.",
            rich_help_panel=RULES,
        ),
    ] = "",
    fix: Annotated[bool, options.flag("--fix", help="Edit the source where that is safe.", panel=EDITS)] = False,
    diff: Annotated[bool, options.flag("--diff", help="Show what --fix would edit.", panel=EDITS)] = False,
    watch: Annotated[bool, options.flag("--watch", "-w", help="Check again after every change.")] = False,
    by_hash: Annotated[
        bool, options.flag("--hash", help="Believe the content of files, not their times: for CI.", panel=READING)
    ] = False,
    no_cache: Annotated[bool, options.flag("--no-cache", help="Read every file anew.", panel=READING)] = False,
    as_json: options.Json = False,
) -> None:
    """Check the services of TARGET and the calls between them.

    The source is read, and imported only for --against. Errors and warnings make the exit code 1, notes do not.

    Examples:

      homeport check
      homeport check examples/boutique --select HP3
      homeport check --fix
      homeport check --against shop.registry.json
      homeport check --format sarif > homeport.sarif
    """
    from homeport.cli.checking.look import CheckOptions
    from homeport.cli.checking.run import run_check
    from homeport.cli.terminal import Terminal

    if fix and diff:
        raise typer.BadParameter("--diff shows what --fix would do; give one of them", param_hint="--diff")
    if diff and watch:
        raise typer.BadParameter("a patch is made once; leave out --watch", param_hint="--watch")
    asked = CheckOptions(
        target=target,
        format="json" if as_json else format,
        select=_codes(select, "--select"),
        ignore=_codes(ignore, "--ignore"),
        against=against,
        fix=fix,
        diff=diff,
        watch=watch,
        cached=not no_cache,
        trust="content" if by_hash else "times",
    )
    surroundings = options.surroundings(context)
    if fix and surroundings.package is not None and not target:
        raise typer.BadParameter("a packaged application does not change; edit its source", param_hint="--fix")
    raise typer.Exit(run_check(asked, surroundings, Terminal(json=as_json)))


def _codes(given: list[str] | None, option: str) -> tuple[str, ...] | None:
    """Codes as people write them: several times, or with commas between."""
    if given is None:
        return None
    from homeport.build.diagnostics.rules import RULES
    from homeport.build.diagnostics.selection import wrong_codes
    from homeport.errors import near_names

    codes = tuple(code.strip().upper() for text in given for code in text.split(",") if code.strip())
    for wrong in wrong_codes(codes, list(RULES)):
        near = near_names(wrong, RULES)
        hint = f"did you mean {' or '.join(near)}?" if near else "`homeport explain --all` lists them"
        raise typer.BadParameter(f"{wrong} is the code of no rule, nor the beginning of one; {hint}", param_hint=option)
    return codes
