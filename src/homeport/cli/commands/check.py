"""``homeport check``: what is wrong with an application, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from homeport.cli import options
from homeport.cli.parameters import argument, option

if TYPE_CHECKING:
    from homeport.cli.surroundings import Surroundings

RULES, EDITS, READING = "Which findings", "Edits", "Reading"


def check(
    surroundings: Surroundings,
    target: Annotated[str, argument(metavar="TARGET", help="A folder, a module, module:Class or module:app.")] = "",
    format: Annotated[
        Literal["full", "concise", "json", "sarif", "github", "junit"],
        option(metavar="FORMAT", help="full, concise, json, sarif, github or junit."),
    ] = "full",
    select: Annotated[
        list[str] | None,
        option(metavar="CODES", help="Only these, as HP2,HP302; ALL for every rule.", panel=RULES),
    ] = None,
    ignore: Annotated[list[str] | None, option(metavar="CODES", help="All but these.", panel=RULES)] = None,
    against: Annotated[
        str,
        option(
            metavar="FILE",
            help="Also what changed since FILE, made by `homeport build`, that callers would notice; imports TARGET.",
            panel=RULES,
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
) -> int:
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
    from homeport.cli.errors import misused
    from homeport.cli.terminal import Terminal

    if fix and diff:
        raise misused("check", "--diff", "--diff shows what --fix would do; give one of them")
    if diff and watch:
        raise misused("check", "--watch", "a patch is made once; leave out --watch")
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
    if fix and surroundings.package is not None and not target:
        raise misused("check", "--fix", "a packaged application does not change; edit its source")
    return run_check(asked, surroundings, Terminal(json=as_json))


def _codes(given: list[str] | None, option: str) -> tuple[str, ...] | None:
    """Codes as people write them: several times, or with commas between."""
    if given is None:
        return None
    from homeport.build.diagnostics.rules import RULES
    from homeport.build.diagnostics.selection import wrong_codes
    from homeport.cli.errors import misused
    from homeport.errors import near_names

    codes = tuple(code.strip().upper() for text in given for code in text.split(",") if code.strip())
    for wrong in wrong_codes(codes, list(RULES)):
        near = near_names(wrong, RULES)
        hint = f"did you mean {' or '.join(near)}?" if near else "`homeport explain --all` lists them"
        raise misused("check", option, f"{wrong} is the code of no rule, nor the beginning of one; {hint}")
    return codes
