"""Reads a plain ``homeport run`` without typer, whose import would delay the services by a tenth of their start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from homeport.cli.foreground.launch import RunOptions

_SWITCHES = {"--detach": "detach", "-d": "detach", "--reload": "reload", "--debug": "debug", "--json": "json"}


def run_options(arguments: Sequence[str]) -> RunOptions | None:
    """What comes after ``run``; None when it is unusual or wrong, so that typer has to read it (and to complain)."""
    found: dict[str, Any] = {}
    assignments: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in _SWITCHES:
            found[_SWITCHES[word]] = True
        elif word == "--set" and rest:
            assignments.append(rest.pop(0))
        elif word in _VALUES and rest:
            name, read = _VALUES[word]
            try:
                found[name] = read(rest.pop(0))
            except ValueError:
                return None
        elif word.startswith("-") or "target" in found:
            return None
        else:
            found["target"] = word
    return RunOptions(**found, assignments=tuple(assignments))


def _layout(text: str) -> str:
    if text not in ("spread", "single"):
        raise ValueError(text)
    return text


def _seconds(text: str) -> float:
    from homeport.durations import parse_duration

    return parse_duration(text)


_VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "--layout": ("layout", _layout),
    "--name": ("name", str),
    "--host": ("host", str),
    "--port": ("port", int),
    "--data": ("data", str),
    "--ready-timeout": ("ready_timeout", _seconds),
}
