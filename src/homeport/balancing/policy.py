"""What may be set about calls to a service, in ``[services.<name>]`` and ``[services.<name>.methods.<method>]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec

from homeport.durations import parse_duration

Seconds = Annotated[float, msgspec.Meta(ge=0, extra={"duration": True})]
Count = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
PriorityName = Literal["default", "critical", "background"]

PRIORITIES: tuple[PriorityName, ...] = ("default", "critical", "background")  # by their numbers on the wire
DEFAULT_TIMEOUT = 30.0


def _above_zero(**values: float) -> None:
    for name, value in values.items():
        if value <= 0:
            raise ValueError(f"{name} must be above zero, got {value:g}")


class Ejection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>.ejection]``: when a caller leaves an instance alone."""

    failures: Count = 5  # in a row
    success: Share = 0.8  # at least this much of the calls of ``window``, once there are ``requests``
    window: Seconds = 10.0
    requests: Count = 5
    shortest: Seconds = 1.0  # doubled each time, up to ``longest``
    longest: Seconds = 60.0
    jitter: Share = 0.25  # at most this much shorter, so that callers do not come back as one
    healthy_period: Seconds = 10.0  # after each, the next ejection is half as long again
    share: Share = 0.1  # of the instances, and at least one, may be out for their success rate at a time
    panic: Share = 0.5  # with fewer left than this, all are used

    def __post_init__(self) -> None:
        _above_zero(window=self.window, shortest=self.shortest, healthy_period=self.healthy_period)
        if self.longest < self.shortest:
            raise ValueError(f"longest ({self.longest:g} s) is below shortest ({self.shortest:g} s)")


class Retries(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>.retries]``: how often, and how much of it all callers' processes may do each."""

    attempts: Count = 3  # the first one included; 1 turns retries off
    failures: bool = True  # an idempotent method is tried elsewhere when its handler failed, not only when unanswered
    share: Share = 0.2  # of the calls of ``window``
    per_second: Annotated[float, msgspec.Meta(ge=0)] = 10.0  # besides
    window: Seconds = 10.0
    backoff: Seconds = 0.01  # after the first refusal; doubled each time, up to ``longest_backoff``
    longest_backoff: Seconds = 1.0

    def __post_init__(self) -> None:
        _above_zero(window=self.window)
        if self.longest_backoff < self.backoff:
            raise ValueError(f"longest_backoff ({self.longest_backoff:g} s) is below backoff ({self.backoff:g} s)")


class SlowStartPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>.slow_start]``: how a new instance is spared."""

    window: Seconds = 10.0  # 0 turns it off
    least: Share = 0.1  # of its usual share, at first
    instances: Count = 3  # with fewer, there is nobody to spare it


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>.limit]``: how an instance adapts the number of calls it admits, up to ``concurrency``."""

    adaptive: bool = True
    floor: Count = 20  # never below, or below ``concurrency`` where that is lower
    tolerance: Annotated[float, msgspec.Meta(ge=1)] = 2.0  # calls may take this many times what they usually do,
    queueing: Seconds = 0.1  # and this much longer
    critical: Share = 1.0  # of the limit may be used by calls of this priority
    default: Share = 0.9
    background: Share = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.background <= self.default <= self.critical:
            raise ValueError(
                "need 0 < background <= default <= critical, "
                f"got {self.background:g}, {self.default:g} and {self.critical:g}"
            )


class Ping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>.ping]``: how a hung instance is told from a busy one."""

    silence: Seconds = 0.5  # with calls unanswered, before it is pinged
    patience: Seconds = 0.3  # for the pong, before it is ejected

    def __post_init__(self) -> None:
        _above_zero(silence=self.silence, patience=self.patience)


class Hedge(msgspec.Struct, frozen=True):
    """When a second attempt is sent while the first is unanswered: after ``seconds``, or at a quantile of latency."""

    seconds: float | None = None
    quantile: float | None = None

    @staticmethod
    def parse(text: float | str) -> Hedge | None:
        """What ``hedge_after`` means; None when it is empty.

        Raises:
            ValueError: it is neither.
        """
        if text == "":
            return None
        if isinstance(text, str) and text.startswith("p"):
            try:
                percent = float(text[1:])
            except ValueError:
                percent = 0.0
            if not 50 <= percent < 100:
                raise ValueError(f"hedge_after {text!r} is no percentile from p50 to p99.9; write p95, or 250ms")
            return Hedge(quantile=round(percent / 100, 6))
        try:
            seconds = parse_duration(text)
        except ValueError as error:
            raise ValueError(f"hedge_after takes a percentile (p95) or a duration: {error}") from None
        _above_zero(hedge_after=seconds)
        return Hedge(seconds=seconds)


class MethodPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>.methods.<method>]``: what is left out is as the code or the service says."""

    timeout: Seconds | None = None
    attempts: Count | None = None
    hedge_after: float | str | None = None  # "p95", or a duration; "" turns it off
    priority: PriorityName | None = None

    def __post_init__(self) -> None:
        if self.timeout is not None:
            _above_zero(timeout=self.timeout)
        if self.hedge_after is not None:
            Hedge.parse(self.hedge_after)


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[services.<name>]``, as far as it concerns calls."""

    timeout: Seconds | None = None  # None: 30 s
    hedge_after: float | str = ""  # of its idempotent methods
    priority: PriorityName = "default"  # of calls made on nobody's behalf; others carry their caller's
    ejection: Ejection = Ejection()
    retries: Retries = Retries()
    slow_start: SlowStartPolicy = SlowStartPolicy()
    limit: Limit = Limit()
    ping: Ping = Ping()
    methods: dict[str, MethodPolicy] = {}

    def __post_init__(self) -> None:
        if self.timeout is not None:
            _above_zero(timeout=self.timeout)
        Hedge.parse(self.hedge_after)


class CallPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What is in force for calls of one method."""

    timeout: float
    attempts: int
    hedge: Hedge | None
    priority: int


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One value in force, and where it came from: ``homeport.toml``, ``@method``, ``default``."""

    name: str
    value: float | int | str | bool
    origin: str


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """What the code says of a method."""

    timeout: float | None = None
    idempotent: bool = False


def policy_of(policy: Policy, method: str, declared: Declared) -> CallPolicy:
    """What is in force for one method.

    What names the method goes before what names the service, and settings before code. Only an idempotent method is
    hedged, whatever is set: sending it twice must do no harm.
    """
    own = policy.methods.get(method) or MethodPolicy()
    timeout = next((one for one in (own.timeout, declared.timeout, policy.timeout) if one is not None), DEFAULT_TIMEOUT)
    hedge = Hedge.parse(policy.hedge_after if own.hedge_after is None else own.hedge_after)
    return CallPolicy(
        timeout=timeout,
        attempts=own.attempts or policy.retries.attempts,
        hedge=hedge if declared.idempotent else None,
        priority=PRIORITIES.index(own.priority or policy.priority),
    )


def in_force(
    service: str, policy: Policy, methods: Mapping[str, Declared], origins: Mapping[str, str]
) -> Iterator[Setting]:
    """Every value in force for a service, those of its methods last: what ``homeport policy`` prints.

    ``origins`` maps dotted paths of settings to their origins, as ``config.load`` returns them.
    """
    base = f"services.{service}"
    timeout = DEFAULT_TIMEOUT if policy.timeout is None else policy.timeout
    yield Setting(name="timeout", value=timeout, origin=origins.get(f"{base}.timeout", "default"))
    for name in ("hedge_after", "priority"):
        yield Setting(name=name, value=getattr(policy, name), origin=origins.get(f"{base}.{name}", "default"))
    for section in ("ejection", "retries", "slow_start", "limit", "ping"):
        values: msgspec.Struct = getattr(policy, section)
        for field in values.__struct_fields__:
            name = f"{section}.{field}"
            origin = origins.get(f"{base}.{name}", "default")
            yield Setting(name=name, value=getattr(values, field), origin=origin)
    for method, declared in methods.items():
        yield from _in_force_for(base, policy, method, declared, origins)


def _in_force_for(
    base: str, policy: Policy, method: str, declared: Declared, origins: Mapping[str, str]
) -> Iterator[Setting]:
    own, result = policy.methods.get(method) or MethodPolicy(), policy_of(policy, method, declared)
    place, of_service = f"methods.{method}", {"attempts": "retries.attempts"}

    def origin(name: str) -> str:
        if getattr(own, name) is not None:
            return origins.get(f"{base}.{place}.{name}", "default")
        if name == "timeout" and declared.timeout is not None:
            return "@method"
        return origins.get(f"{base}.{of_service.get(name, name)}", "default")

    hedge = policy.hedge_after if own.hedge_after is None else own.hedge_after
    yield Setting(name=f"{place}.timeout", value=result.timeout, origin=origin("timeout"))
    yield Setting(name=f"{place}.attempts", value=result.attempts, origin=origin("attempts"))
    if declared.idempotent or own.hedge_after:
        shown = hedge if declared.idempotent else f"{hedge} (not in force: the method is not idempotent)"
        yield Setting(name=f"{place}.hedge_after", value=shown, origin=origin("hedge_after"))
    yield Setting(name=f"{place}.priority", value=PRIORITIES[result.priority], origin=origin("priority"))
