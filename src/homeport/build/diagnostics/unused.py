"""What to say of comments that silence nothing, or name codes that do not exist; and how to remove them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from homeport.build.diagnostics.comments import Ignore
from homeport.build.diagnostics.finding import Edit, Finding
from homeport.build.diagnostics.sifting import Comments, Idle
from homeport.errors import near_names

Lines = Callable[[str], Sequence[str]]  # of the file at a path


def unused_ignores(idle: Iterable[Idle], lines_of: Lines) -> Iterator[Finding]:
    """HP010 for each, with the edit that takes it out."""
    for one in idle:
        ignore = one.ignore
        codes = ", ".join(one.codes or ignore.codes)
        message = f"this comment silences nothing{f' of {codes}' if codes else ''}"
        kept = tuple(code for code in ignore.codes if code not in one.codes) if one.codes else ()
        yield _at(
            one.path,
            ignore,
            code="HP010",
            message=message,
            hint=f"{'leave only ' + ', '.join(kept) if kept else 'remove it'}; `homeport check --fix` does",
            edits=_without(one.path, ignore, kept, lines_of(one.path)),
        )


def wrong_ignores(comments: Comments, known: Sequence[str]) -> Iterator[Finding]:
    """HP011 for each comment that names something else than codes."""
    for path, ignores in comments.items():
        for ignore in ignores:
            missing = [code for code in ignore.codes if not any(rule.startswith(code) for rule in known)]
            for text in (*ignore.wrong, *missing):
                near = near_names(text, known)
                example = near[0] if near else "HP201"
                message = f"{text!r} is no code of a finding"
                if text.startswith("#"):
                    message = "codes stand between brackets, and here are none"
                    example = "HP201"
                hint = f"write `# homeport: ignore[{example}]`; `homeport explain --all` lists the codes"
                yield _at(path, ignore, code="HP011", message=message, hint=hint)


def _at(path: str, ignore: Ignore, *, code: str, message: str, hint: str, edits: tuple[Edit, ...] = ()) -> Finding:
    return Finding(
        severity="warning",
        path=path,
        line=ignore.line,
        column=ignore.column,
        end_line=ignore.line,
        end_column=ignore.end_column,
        code=code,
        message=message,
        hint=hint,
        edits=edits,
    )


def _without(path: str, ignore: Ignore, kept: Sequence[str], lines: Sequence[str]) -> tuple[Edit, ...]:
    """The edit that leaves only the codes ``kept`` of a comment, or takes it out whole with what explained it."""
    text = lines[ignore.line - 1] if ignore.line <= len(lines) else ""
    start, end = ignore.column - 1, ignore.end_column - 1
    if kept:
        inside = text.rindex("[", start, end) + 1
        return (_edit(path, ignore.line, inside + 1, end, ", ".join(kept)),)
    following = text.find("#", end)
    if following >= 0:
        return (_edit(path, ignore.line, start + 1, following + 1, ""),)
    before = text[:start].rstrip()
    if before:
        return (_edit(path, ignore.line, len(before) + 1, len(text) + 1, ""),)
    whole = Edit(path=path, line=ignore.line, column=1, end_line=ignore.line + 1, end_column=1, text="")
    return (whole,)


def _edit(path: str, line: int, column: int, end_column: int, text: str) -> Edit:
    return Edit(path=path, line=line, column=column, end_line=line, end_column=end_column, text=text)
