"""Service discovery: from the names a new instance depends on to where they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from homeport.model import Dependency, State
from homeport.registry.api import ServiceAnswer


class Existing(Protocol):
    """What discovery asks of the catalog: the services that exist."""

    def answer(self, service: str) -> ServiceAnswer: ...
    def idle(self, service: str) -> bool: ...
    def near(self, name: str) -> tuple[str, ...]: ...


class Resolution(msgspec.Struct, frozen=True):
    """Where the dependencies are, and what is missing of them."""

    answers: tuple[ServiceAnswer, ...]  # one per dependency, in order of name
    missing: tuple[str, ...]  # required, neither ready nor idle
    near: dict[str, tuple[str, ...]]  # for names nobody knows: names they may have meant


def resolve(requires: Iterable[Dependency], existing: Existing) -> Resolution:
    """Look every dependency up, each once."""
    required: dict[str, bool] = {}
    for dependency in requires:
        required[dependency.service] = required.get(dependency.service, False) or not dependency.optional
    answers = tuple(existing.answer(service) for service in sorted(required))
    return Resolution(
        answers=answers,
        missing=tuple(
            answer.service
            for answer in answers
            if required[answer.service] and not _ready(answer) and not existing.idle(answer.service)
        ),
        near={answer.service: existing.near(answer.service) for answer in answers if not answer.known},
    )


def _ready(answer: ServiceAnswer) -> bool:
    return any(instance.state is State.READY for instance in answer.instances)
