"""Python source put together from lines."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence

from homeport.build.generator.client.spelling import Imports

WIDTH = 120
GENERATED = "# Made by `homeport generate client`: what is changed here is lost when it is made anew."


def module(doc: str, imports: Imports, blocks: Iterable[Sequence[str]]) -> str:
    """A module: what it is for, its imports, and its blocks two lines apart."""
    body = [line for block in blocks for line in ("", "", *block)]
    head = [GENERATED, f'"""{doc}"""', "", "from __future__ import annotations", ""]
    lines = [*head, *imports.lines()]
    while lines[-1] == "":
        lines.pop()
    return "\n".join([*lines, *body]) + "\n"


def docstring(text: str, indent: str = "    ", *, blank: bool = False) -> Iterator[str]:
    """The lines of a docstring; none for an empty text. ``blank`` adds an empty line behind it."""
    plain = re.sub(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]", "", inspect.cleandoc(text)).expandtabs(4)
    lines = plain.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').strip().splitlines()
    if not lines:
        return
    if lines[-1].endswith('"'):
        lines[-1] = f'{lines[-1][:-1]}\\"'
    if len(lines) == 1:
        yield f'{indent}"""{lines[0]}"""'
    else:
        yield f'{indent}"""{lines[0]}'
        yield from (f"{indent}{line}".rstrip() for line in lines[1:])
        yield f'{indent}"""'
    if blank:
        yield ""


def call(head: str, arguments: Sequence[str | list[str]], tail: str, indent: str) -> Iterator[str]:
    """``head(arguments)tail`` on one line, or on as many as formatters give it where that is too long.

    A list among the arguments is a tuple, and begins with what stands before that: ``["raises=", "A", "B"]``.
    """
    flat = [one if isinstance(one, str) else f"{one[0]}({', '.join(one[1:])})" for one in arguments]
    line = f"{indent}{head}({', '.join(flat)}){tail}"
    if len(line) <= WIDTH:
        yield line
        return
    inner = f"{indent}    {', '.join(flat)}"
    yield f"{indent}{head}("
    if len(inner) <= WIDTH:
        yield inner
    else:
        for argument, text in zip(arguments, flat, strict=True):
            if isinstance(argument, list) and len(f"{indent}    {text},") > WIDTH:
                yield f"{indent}    {argument[0]}("
                yield from (f"{indent}        {item}," for item in argument[1:])
                yield f"{indent}    ),"
            else:
                yield f"{indent}    {text},"
    yield f"{indent}){tail}"
