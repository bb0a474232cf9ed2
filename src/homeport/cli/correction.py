"""The corrected command for a call that did not fit, built from the contract and from what was given."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from homeport.cli.schemas import Definitions, example, fits
from homeport.contracts.api import MethodContract, Parameter
from homeport.errors import near_names


def corrected_command(
    service: str, method: MethodContract, definitions: Definitions, given: Any, *, blank: str = "…"
) -> str:
    """``homeport call …`` with arguments by name: what was given where it fits, an example where it does not.

    ``blank`` stands where the person has to put text.
    """
    arguments = _by_name(method, given)
    kept: dict[str, Any] = {}
    for parameter in method.parameters:
        value = arguments.get(parameter.name, _ABSENT)
        if value is not _ABSENT and fits(value, parameter.schema, definitions):
            kept[parameter.name] = value
        elif parameter.required or value is not _ABSENT or "default" in parameter.schema:
            kept[parameter.name] = example(parameter.schema, definitions, blank)
    command = f"homeport call {service}.{method.name}"
    return f"{command} {shell_quote(to_json(kept))}" if kept else command


def to_json(value: Any) -> str:
    """JSON as a person would type it: spaces after commas, letters as they are."""
    return json.dumps(value, ensure_ascii=False)


def shell_quote(text: str) -> str:
    """Quoted for a POSIX shell, with single quotes wherever any are needed."""
    return shlex.quote(text)


_ABSENT: Any = object()


def _by_name(method: MethodContract, given: Any) -> Mapping[str, Any]:
    if isinstance(given, list):
        positional = [parameter for parameter in method.parameters if not parameter.keyword_only]
        return {parameter.name: value for parameter, value in zip(positional, given, strict=False)}
    if not isinstance(given, dict):
        lonely = method.parameters[0] if len(method.parameters) == 1 else None
        return {lonely.name: given} if lonely is not None and given is not None else {}
    known = [parameter.name for parameter in method.parameters]
    placed = {name: value for name, value in given.items() if name in known}
    for name, value in given.items():
        if name not in placed and (meant := _meant(name, method.parameters, placed)):
            placed[meant] = value
    return placed


def _meant(name: str, parameters: tuple[Parameter, ...], taken: Mapping[str, Any]) -> str:
    free = [parameter.name for parameter in parameters if parameter.name not in taken]
    near = near_names(name, free) or [one for one in free if one.startswith(name) or one.endswith(f"_{name}")]
    return near[0] if near else ""
