"""Which events a service listens for and publishes, and what it does again and again: read from its source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from homeport.build.analyzer.dependencies import Member
from homeport.build.plan import PlannedListener, PlannedTimer
from homeport.build.scanner.calls import Use
from homeport.build.scanner.expressions import Mark
from homeport.build.scanner.functions import FunctionFacts

Functions = Iterable[tuple[Member, FunctionFacts]]


def listeners(functions: Functions) -> tuple[PlannedListener, ...]:
    """What ``@on("topic")`` says."""
    return tuple(
        PlannedListener(topic=topic, method=function.name, line=mark.line)
        for function, mark in _marked(functions, "on")
        for topic in mark.positional
        if isinstance(topic, str)
    )


def timers(functions: Functions) -> tuple[PlannedTimer, ...]:
    """What ``@every("5m")`` says."""
    return tuple(
        PlannedTimer(every=str(mark.positional[0]), method=function.name, line=mark.line)
        for function, mark in _marked(functions, "every")
        if mark.positional
    )


def published_topics(functions: Functions) -> tuple[str, ...]:
    """What ``self.events.publish("topic", …)`` names, as far as it is written out."""
    uses = (use for _, function in functions for use in function.body.uses if use.called)
    topics = {_topic(use) for use in uses if use.attribute == "events" and use.method == "publish"}
    return tuple(sorted(topics - {""}))


def _topic(use: Use) -> str:
    first = next((one for one in use.arguments if one.name in ("", "topic")), None)
    if first is None or not first.literal:
        return ""
    topic = msgspec.msgpack.decode(first.literal)
    return topic if isinstance(topic, str) else ""


def _marked(functions: Functions, public: str) -> Iterator[tuple[FunctionFacts, Mark]]:
    for member, function in functions:
        for mark in function.marks:
            if member.scope.means(mark.name, public):
                yield function, mark
