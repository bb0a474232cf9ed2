"""HP0xx: reading and parsing source files."""

from __future__ import annotations

from homeport.build.diagnostics.rule import Rule

RULES = (
    Rule(
        code="HP001",
        name="syntax-error",
        severity="error",
        summary="The file is not valid Python.",
        why="A file that cannot be parsed cannot be imported either, and services in it would be missed.",
        fix="Mend the syntax at the place shown. A file that is no part of the application can be left out with "
        '`exclude = ["…"]` under `[node]` in homeport.toml.',
        example="class Cart\n    pass",
        better="class Cart:\n    pass",
    ),
    Rule(
        code="HP002",
        name="newer-syntax",
        severity="error",
        summary="The file uses syntax of a newer Python than the one that reads it.",
        why="The application cannot run on this interpreter.",
        fix="Run Homeport with the Python version that the finding names, or write it in older syntax.",
        example="type Money = int  # needs Python 3.12",
        better="Money = int",
    ),
    Rule(
        code="HP003",
        name="undecodable-source",
        severity="error",
        summary="The file's bytes do not fit its encoding.",
        why="Python reads source as UTF-8 unless a coding comment says otherwise, and refuses anything else.",
        fix="Save the file as UTF-8, or name its encoding in the first line.",
        better="# -*- coding: latin-1 -*-",
    ),
    Rule(
        code="HP004",
        name="unreadable-file",
        severity="error",
        summary="The file cannot be read.",
        why="Services in it would be missed.",
        fix="Give the user that runs Homeport the right to read the file, or exclude it.",
    ),
    Rule(
        code="HP005",
        name="too-complex",
        severity="error",
        summary="The file is nested too deeply to be parsed.",
        why="The interpreter's parser gives up on it as well.",
        fix="Exclude the file if it is generated and holds no services; otherwise write it with fewer levels.",
    ),
    Rule(
        code="HP010",
        name="unused-ignore",
        severity="warning",
        summary="A `# homeport: ignore` comment silences nothing.",
        why="What it silenced is gone; left behind, it would hide the next finding of that kind.",
        fix="Remove the comment, or the code in it that is not needed; `homeport check --fix` does.",
        example="total = 1  # homeport: ignore[HP201]",
        better="total = 1",
        fixable=True,
    ),
    Rule(
        code="HP011",
        name="unknown-ignore",
        severity="warning",
        summary="A `# homeport: ignore[…]` comment names a code that does not exist, or is not written right.",
        why="It silences nothing of what was meant.",
        fix="Write codes such as HP201, or their beginnings such as HP2, between brackets, separated by commas.",
        example="await self.stock.take(item)  # homeport: ignore[H201]",
        better="await self.stock.take(item)  # homeport: ignore[HP201]",
    ),
)
