"""Calls that are never awaited, and streams that are."""

from __future__ import annotations

from collections.abc import Iterator

from homeport.build.analyzer.checks.report import finding
from homeport.build.analyzer.sites import CallSite
from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.calls import Consumed

# What is done with a call itself, as a sentence goes on after "its result is".
_MISUSES = {
    "for": "iterated",
    "subscript": "indexed",
    "arithmetic": "calculated with",
    "comparison": "compared",
    "test": "tested",
    "text": "made a text",
    "call": "called",
}
# Attributes of a call that has not been awaited.
_OF_COROUTINES = frozenset({"close", "send", "throw", "settle", "__await__"})
_OF_STREAMS = frozenset({"aclose", "asend", "athrow", "settle", "__aiter__", "__anext__"})


def unawaited_calls(site: CallSite) -> Iterator[Finding]:
    """HP501: nothing comes of the call, or it is taken for its result."""
    taken, streams = site.use.taken, _streams(site)
    if taken is None or taken.how in ("await", "async for"):
        return
    if taken.how == "return":
        if streams is False and _answers_with_it(site):
            message = f"{site.written}() is returned without being awaited, so callers get no answer"
            yield finding("HP501", site.path, site.use, message, "write `return await …`")
    elif taken.how == "dropped":
        done = "iterated" if streams else "awaited"
        message = f"{site.written}() is never {done}, so nothing is called"
        yield finding("HP501", site.path, site.use, message, _way_out(site, streams))
    elif streams is not True and (used := _used(taken)):
        message = f"{site.written}() is not awaited, but its result is {used}"
        yield finding("HP501", site.path, taken, message, _way_out(site, streams))


def misused_streams(site: CallSite) -> Iterator[Finding]:
    """HP407: a stream is awaited or iterated without ``async``, or something else is iterated with it."""
    taken, streams = site.use.taken, _streams(site)
    if taken is None or streams is None:
        return
    shown = f"{site.dependency.service}.{site.use.method}"
    if streams and taken.how in ("await", "for", "builtin"):
        done = {"await": "awaited", "for": "iterated without `async`"}.get(taken.how, f"given to {taken.name}()")
        message = f"{shown} streams, but is {done}"
        yield finding("HP407", site.path, taken, message, f"write `async for item in {site.written}(…)`")
    elif not streams and taken.how == "async for":
        message = f"{shown} does not stream, but is iterated with `async for`"
        hint = f"write `await {site.written}(…)`, or make it an async generator with `yield`"
        yield finding("HP407", site.path, taken, message, hint)


def _streams(site: CallSite) -> bool | None:
    """Whether the called method streams; None when that is not known."""
    method = site.method
    if method is None:
        return False if site.use.method == "request" else None
    return None if method.planned.decorated else method.planned.streams


def _used(taken: Consumed) -> str:
    if taken.how == "builtin":
        return f"given to {taken.name}()"
    if taken.how == "attribute":
        return "" if taken.name in _OF_COROUTINES | _OF_STREAMS else f"asked for .{taken.name}"
    return _MISUSES.get(taken.how, "")


def _answers_with_it(site: CallSite) -> bool:
    """Whether what the function returns is the answer of a method of the service."""
    own = site.caller.methods.get(site.function.name)
    return own is not None and own.function is site.function and not own.planned.decorated and not own.planned.blocking


def _way_out(site: CallSite, streams: bool | None) -> str:
    what = f"async for item in {site.written}(…)" if streams else f"await {site.written}(…)"
    if site.function.is_async:
        return f"write `{what}`"
    return f"make {site.function.name}() an `async def` and write `{what}`"
