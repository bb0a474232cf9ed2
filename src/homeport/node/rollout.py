"""Decides how one version of some services takes the place of another: step by step, and back when it proves worse."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

MOST_RELAPSES = 2  # times that new instances may stop being ready while they are observed
LEAST_CALLS = 10  # below that, rates say nothing
LEAST_FAILURES = 3
WORSE_RATE = 0.05  # share of calls by which more may fail than twice the old share
SLOWER = 3.0  # times the old mean duration, plus
SLOWER_BY = 0.25  # seconds: a new process is cold


class Version(msgspec.Struct, frozen=True):
    """What an instance runs: which code, and which of the restarts of that code."""

    release: str
    round: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Services that change over together; more than one because they share a worker, or change at once."""

    services: tuple[str, ...]
    singleton: bool = False


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a rollout may go."""

    surge: int | None = 1  # instances replaced at a time; None: all
    soak: float = 5.0  # seconds that new instances are observed before old ones leave
    ready_within: float = 30.0  # seconds
    share: float = 0.0  # of the calls, for one instance each on trial, before all the rest; 0: no trial


class Stage(StrEnum):
    STARTING = "starting"  # new instances start beside the old; a singleton's stands by
    DRAINING = "draining"  # old instances leave
    TAKING_OVER = "taking over"  # the old singleton has ended; the new one may start
    SOAKING = "soaking"  # new instances are ready, and observed
    HOLDING = "holding"  # each service has one new instance on trial; somebody has to decide
    RETURNING = "returning"  # what ran before takes its place again
    DONE = "done"
    RETURNED = "returned"


ENDED = frozenset({Stage.DONE, Stage.RETURNED})


class Tally(msgspec.Struct, frozen=True):
    """What the instances of one version have answered."""

    calls: int = 0
    failed: int = 0  # without the errors that services declare
    seconds: float = 0.0

    def since(self, before: Tally) -> Tally:
        """What was added; nothing when an instance that had been counted is gone."""
        if self.calls < before.calls or self.failed < before.failed or self.seconds < before.seconds:
            return Tally()
        return Tally(self.calls - before.calls, self.failed - before.failed, self.seconds - before.seconds)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One service as it is: instances of the new version and of all others. Draining ones count until they are gone."""

    wanted: int
    old: int = 0
    old_ready: int = 0
    new: int = 0
    new_ready: int = 0
    standing_by: int = 0  # new ones that have registered, or are further
    trouble: str = ""  # why a new one cannot run
    old_tally: Tally = Tally()
    new_tally: Tally = Tally()


class Aim(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout wants of one service now; see ``Wish``."""

    version: Version
    fresh: int | None = None
    keep: int | None = None


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One rollout and how far it is. It is kept on disk at every change, so it holds no moment of this process.

    ``passed`` are the steps that are done (while ``trial``: that have their instance on trial), ``proven`` the
    instances of the step at hand that have been replaced.
    """

    id: str
    kind: str  # restart, deploy, rollback, reload
    actor: str
    release: str = ""  # of the edition that it brings; "": the services stay in theirs
    target: str = ""  # where that came from, for people
    before: dict[str, Version]  # of each service concerned; absent: it is new
    after: dict[str, Version]  # absent: it is removed
    steps: tuple[Step, ...]
    pace: Pace = Pace()
    force: bool = False  # whatever the contracts say
    stage: Stage = Stage.STARTING
    passed: int = 0
    proven: int = 0
    trial: bool = False
    promoted: bool = False  # after a trial, whose instances stay
    relapses: int = 0
    error: str = ""  # why it went back
    differences: tuple[str, ...] = ()  # between contracts, that callers would notice
    started: float = 0.0  # wall-clock seconds
    ended: float = 0.0

    @property
    def over(self) -> bool:
        return self.stage in ENDED

    @property
    def step(self) -> Step | None:
        """The step at hand."""
        return self.steps[self.passed] if self.passed < len(self.steps) else None


class Watch(msgspec.Struct, frozen=True):
    """What one process remembers of the stage at hand; another process begins it anew."""

    since: float  # monotonic seconds at which the stage began
    old: Mapping[str, Tally] = {}  # of each service, at that moment


# -- what it wants -----------------------------------------------------------------------------------------------------


def aims(rollout: Rollout, wanted: Mapping[str, int]) -> dict[str, Aim]:
    """What is wanted of each service concerned now; those without an aim are to be removed, or not to be added yet."""
    found: dict[str, Aim] = {}
    for number, step in enumerate(rollout.steps):
        for service in step.services:
            aim = _aim(rollout, number, step, service, wanted.get(service, 0))
            if aim is not None:
                found[service] = aim
    return found


def _aim(rollout: Rollout, number: int, step: Step, service: str, wanted: int) -> Aim | None:
    before, after = rollout.before.get(service), rollout.after.get(service)
    if rollout.stage in (Stage.RETURNING, Stage.RETURNED):
        if before is not None and step.singleton:  # the old one stands by while the new one ends
            return Aim(version=before, fresh=1, keep=0)
        return Aim(version=before) if before is not None else None
    if rollout.stage is Stage.DONE:
        return Aim(version=after) if after is not None else None
    tried = on_trial(rollout, step)
    if number > rollout.passed and tried and rollout.promoted and after is not None:  # until its turn comes
        return Aim(version=after, fresh=1, keep=wanted)
    if number > rollout.passed or (rollout.trial and not tried):
        return Aim(version=before) if before is not None else None
    if after is None:  # it is removed in its step, and gone afterwards
        return None
    if rollout.trial:
        return Aim(version=after, fresh=1, keep=wanted)
    if number < rollout.passed:
        return Aim(version=after, keep=0)
    fresh = _fresh(rollout, wanted)
    leave = fresh if rollout.stage is Stage.DRAINING or _switched(rollout, step) else rollout.proven
    return Aim(version=after, fresh=fresh, keep=max(0, wanted - leave))


def _fresh(rollout: Rollout, wanted: int) -> int:
    """How many new instances of the step at hand may run; what shares workers changes over as a whole."""
    surge = rollout.pace.surge
    if surge is None or (rollout.step is not None and len(rollout.step.services) > 1):
        return wanted
    return min(rollout.proven + surge, wanted)


def _switched(rollout: Rollout, step: Step) -> bool:
    return step.singleton and rollout.stage in (Stage.TAKING_OVER, Stage.SOAKING)


def on_trial(rollout: Rollout, step: Step) -> bool:
    """Whether the step takes part in a trial: a singleton has no room for one, nor has what is only removed."""
    return not step.singleton and any(service in rollout.after for service in step.services)


# -- how it goes on ----------------------------------------------------------------------------------------------------


def advance(rollout: Rollout, watch: Watch, seen: Mapping[str, Seen], now: float) -> tuple[Rollout, Watch]:
    """The rollout as it stands after what is seen now; to be repeated until nothing changes."""
    while True:
        after = _next(rollout, watch, seen, now)
        if after is rollout:
            return rollout, watch
        if (after.stage, after.passed, after.proven) != (rollout.stage, rollout.passed, rollout.proven):
            watch = Watch(now, {service: one.old_tally for service, one in seen.items()})
        rollout = after


def due(rollout: Rollout, watch: Watch) -> float | None:
    """When time alone may move it on."""
    match rollout.stage:
        case Stage.STARTING | Stage.TAKING_OVER:
            return watch.since + rollout.pace.ready_within
        case Stage.SOAKING:
            return watch.since + rollout.pace.soak
        case _:
            return None


def go_back(rollout: Rollout, why: str, differences: tuple[str, ...] = ()) -> Rollout:
    """Give up: everything is to run again what it ran before."""
    if rollout.over or rollout.stage is Stage.RETURNING:
        return rollout
    return _changed(rollout, stage=Stage.RETURNING, error=why, differences=differences, trial=False)


def promote(rollout: Rollout) -> Rollout:
    """The trial was good: replace all."""
    if rollout.stage is not Stage.HOLDING:
        return rollout
    return _changed(rollout, stage=Stage.STARTING, trial=False, promoted=True, passed=0, proven=0, relapses=0)


def _next(rollout: Rollout, watch: Watch, seen: Mapping[str, Seen], now: float) -> Rollout:
    if rollout.over:
        return rollout
    if rollout.stage is Stage.RETURNING:
        return _changed(rollout, stage=Stage.RETURNED) if _is_back(rollout, seen) else rollout
    step = rollout.step
    if step is None:
        return _changed(rollout, stage=Stage.DONE)
    if rollout.trial and not on_trial(rollout, step) and rollout.stage is not Stage.HOLDING:
        return _passed(rollout)
    trouble = _trouble(rollout, step, seen)
    if trouble:
        return go_back(rollout, trouble)
    match rollout.stage:
        case Stage.STARTING:
            return _starting(rollout, step, watch, seen, now)
        case Stage.DRAINING:
            return _draining(rollout, step, seen)
        case Stage.TAKING_OVER:
            return _until_ready(rollout, step, watch, seen, now)
        case Stage.SOAKING:
            return _soaking(rollout, step, watch, seen, now)
        case _:
            return _holding(rollout, watch, seen)


def _starting(rollout: Rollout, step: Step, watch: Watch, seen: Mapping[str, Seen], now: float) -> Rollout:
    if not any(service in rollout.after for service in step.services):  # all of them are removed
        return _changed(rollout, stage=Stage.DRAINING)
    if step.singleton:
        by = all(seen[service].standing_by >= min(1, seen[service].wanted) for service in step.services)
        return _changed(rollout, stage=Stage.DRAINING) if by else _in_time(rollout, watch, now)
    return _until_ready(rollout, step, watch, seen, now)


def _until_ready(rollout: Rollout, step: Step, watch: Watch, seen: Mapping[str, Seen], now: float) -> Rollout:
    if _all_ready(rollout, step, seen):
        return _changed(rollout, stage=Stage.SOAKING)
    return _in_time(rollout, watch, now)


def _soaking(rollout: Rollout, step: Step, watch: Watch, seen: Mapping[str, Seen], now: float) -> Rollout:
    if not _all_ready(rollout, step, seen):
        if rollout.relapses >= MOST_RELAPSES:
            return go_back(rollout, f"{_named(step)}: new instances were ready, but did not stay so")
        again = Stage.TAKING_OVER if step.singleton else Stage.STARTING
        return _changed(rollout, stage=again, relapses=rollout.relapses + 1)
    worse = _worse(step, watch, seen)
    if worse:
        return go_back(rollout, worse)
    if any(seen[service].new for service in step.services) and now < watch.since + rollout.pace.soak:
        return rollout
    if rollout.trial or step.singleton:
        return _passed(rollout)
    return _changed(rollout, stage=Stage.DRAINING)


def _draining(rollout: Rollout, step: Step, seen: Mapping[str, Seen]) -> Rollout:
    for service in step.services:
        one = seen[service]
        stay = 0 if service not in rollout.after else max(0, one.wanted - _fresh(rollout, one.wanted))
        if one.old > stay:
            return rollout
    if step.singleton and any(service in rollout.after for service in step.services):
        return _changed(rollout, stage=Stage.TAKING_OVER)
    proven = max((_fresh(rollout, seen[service].wanted) for service in step.services), default=0)
    if all(service not in rollout.after or proven >= seen[service].wanted for service in step.services):
        return _passed(rollout)
    return _changed(rollout, stage=Stage.STARTING, proven=proven, relapses=0)


def _holding(rollout: Rollout, watch: Watch, seen: Mapping[str, Seen]) -> Rollout:
    for step in (step for step in rollout.steps if on_trial(rollout, step)):
        worse = _trouble(rollout, step, seen) or _worse(step, watch, seen)
        if worse:
            return go_back(rollout, worse)
    return rollout


def _passed(rollout: Rollout) -> Rollout:
    """On to the next step, or to the end of the trial, or of it all."""
    passed = rollout.passed + 1
    if passed < len(rollout.steps):
        return _changed(rollout, stage=Stage.STARTING, passed=passed, proven=0, relapses=0)
    if rollout.trial:
        return _changed(rollout, stage=Stage.HOLDING, passed=len(rollout.steps) - 1, proven=0, relapses=0)
    return _changed(rollout, stage=Stage.DONE, passed=passed, proven=0)


# -- judging -----------------------------------------------------------------------------------------------------------


def _all_ready(rollout: Rollout, step: Step, seen: Mapping[str, Seen]) -> bool:
    def needed(one: Seen) -> int:
        return min(1, one.wanted) if rollout.trial else _fresh(rollout, one.wanted)

    kept = [seen[service] for service in step.services if service in rollout.after]
    return all(one.new_ready >= needed(one) for one in kept)


def _trouble(rollout: Rollout, step: Step, seen: Mapping[str, Seen]) -> str:
    told = [(service, seen[service].trouble) for service in step.services if service in rollout.after]
    return next((f"{service}: {trouble}" for service, trouble in told if trouble), "")


def _in_time(rollout: Rollout, watch: Watch, now: float) -> Rollout:
    within = rollout.pace.ready_within
    if now < watch.since + within or rollout.step is None:
        return rollout
    return go_back(rollout, f"{_named(rollout.step)}: the new code was not ready within {within:g} s")


def _worse(step: Step, watch: Watch, seen: Mapping[str, Seen]) -> str:
    for service in step.services:
        one = seen[service]
        told = judge(one.old_tally.since(watch.old.get(service, Tally())), one.new_tally)
        if told:
            return f"{service}: {told}"
    return ""


def judge(old: Tally, new: Tally) -> str:
    """In what the new instances are clearly worse than the old ones were in the same time; empty if in nothing."""
    if new.calls < LEAST_CALLS:
        return ""
    comparable = old.calls >= LEAST_CALLS
    rate, usual = new.failed / new.calls, old.failed / old.calls if comparable else 0.0
    if new.failed >= LEAST_FAILURES and rate > 2 * usual + WORSE_RATE:
        beside = f", of the old ones' {usual:.0%}" if comparable else ""
        return f"{rate:.0%} of the {new.calls} calls to new instances failed{beside}"
    mean, before = new.seconds / new.calls, old.seconds / old.calls if comparable else 0.0
    if comparable and mean > SLOWER * before + SLOWER_BY:
        return f"new instances take {mean * 1000:.0f} ms a call, the old ones {before * 1000:.0f} ms"
    return ""


def _is_back(rollout: Rollout, seen: Mapping[str, Seen]) -> bool:
    """Whether what ran before runs again, alone. ``seen`` calls what the rollout brought *new* to its very end."""
    touched = {service for step in rollout.steps[: rollout.passed + 1] for service in step.services}
    for service, one in seen.items():
        lacking = service in rollout.before and service in touched and one.old_ready < one.wanted
        if one.new or lacking:
            return False
    return True


def _named(step: Step) -> str:
    return ", ".join(step.services)


def _changed(rollout: Rollout, **changes: Any) -> Rollout:
    return msgspec.structs.replace(rollout, **changes)
