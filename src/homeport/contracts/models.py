"""Pydantic models among the values that travel, without importing pydantic unless the user's code already has."""

from __future__ import annotations

import sys
from typing import Any


def is_model(cls: Any) -> bool:
    """Whether ``cls`` is a pydantic model class."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def dump(model: Any, *, binary: bool) -> Any:
    """Plain data of ``model``, by alias, as its own JSON serialisation has it.

    A model that holds bytes which are not text has no JSON form; where the wire is ``binary`` they go as they are.
    """
    try:
        return model.model_dump(mode="json", by_alias=True)
    except ValueError:
        if not binary:
            raise
        return model.model_dump(by_alias=True)


def load(cls: Any, plain: Any) -> Any:
    """The inverse of ``dump``. JSON rules, so that a strict model takes the text of a UUID but no text for an int."""
    try:
        text = sys.modules["pydantic_core"].to_json(plain)
    except ValueError:  # bytes that are not text
        return cls.model_validate(plain)
    return cls.model_validate_json(text)


def first_problem(error: ValueError) -> tuple[str, str] | None:
    """The path below the model and the wording of the first thing pydantic did not like; None for other errors."""
    core = sys.modules.get("pydantic_core")
    if core is None or not isinstance(error, core.ValidationError):
        return None
    problem: dict[str, Any] = error.errors(include_url=False, include_context=False)[0]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem["loc"])
    message = str(problem["msg"])
    if problem["type"] == "missing":
        return path, "required field is missing"
    return path, f"{message[:1].lower()}{message[1:]}, got {type(problem.get('input')).__name__}"
