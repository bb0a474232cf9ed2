"""Calls to a fleet of instances in virtual time: a discrete-event simulation from a seed."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Protocol

from homeport.balancing.choice import failure_sample, pick
from homeport.balancing.latency import PeakLatency
from homeport.balancing.outliers import Effect, Ejector, Probe, Record
from homeport.balancing.policy import Ejection


class Instance:
    """One instance as its caller knows it."""

    def __init__(self, number: int, limits: Ejection) -> None:
        self.number = number
        self.weight = 1.0
        self.in_flight = 0
        self.latency = PeakLatency()
        self.record = Record(str(number), limits)


class Balancer(Protocol):
    def choose(self, now: float) -> Instance: ...
    def sent(self, instance: Instance, now: float) -> object: ...
    def ended(self, instance: Instance, ticket: object, took: float, well: bool, now: float) -> None: ...


class Forgetful:
    """A balancer that learns nothing from how calls end."""

    def __init__(self, choose: Callable[[], Instance]) -> None:
        self._choose = choose

    def choose(self, now: float) -> Instance:
        return self._choose()

    def sent(self, instance: Instance, now: float) -> object:
        return None

    def ended(self, instance: Instance, ticket: object, took: float, well: bool, now: float) -> None:
        """Learn nothing."""


def round_robin(instances: Sequence[Instance]) -> Forgetful:
    def turns() -> Iterator[Instance]:
        while True:
            yield from instances

    taking_turns = turns()
    return Forgetful(lambda: next(taking_turns))


def least_loaded(instances: Sequence[Instance], rng: random.Random) -> Forgetful:
    return Forgetful(lambda: min(instances, key=lambda one: (one.in_flight, rng.random())))


class Ours:
    """What a caller does in production: two choices by peak EWMA, ejection, probes."""

    def __init__(self, instances: Sequence[Instance], limits: Ejection, rng: random.Random) -> None:
        self.ejector: Ejector[Instance] = Ejector(limits, rng.random)
        self.ejector.update(instances, 0.0)
        self.effects: list[tuple[float, Effect]] = []
        self._rng = rng
        self._probe: Probe[Instance] | None = None
        self._usual = 0.0

    def choose(self, now: float) -> Instance:
        self._probe = self.ejector.probe(now, retryable=False) if now >= self.ejector.due else None
        return self._probe.member if self._probe else pick(self.ejector.available, now, self._rng.random)

    def sent(self, instance: Instance, now: float) -> object:
        return instance.latency.begin(now), self._probe

    def ended(self, instance: Instance, ticket: object, took: float, well: bool, now: float) -> None:
        assert isinstance(ticket, tuple)
        begun, probe = ticket
        instance.latency.answered(begun, took if well else failure_sample(took, self._usual), now)
        if well:
            self._usual += (took - self._usual) * 0.02 if self._usual else took
        if probe is not None:
            effects = self.ejector.probe_ended(probe, well, now)
        else:
            effects = (self.ejector.succeeded if well else self.ejector.failed)(instance, now)
        self.effects += [(now, effect) for effect in effects]


def run(
    balancer: Balancer,
    *,
    rate: float,
    seconds: float,
    takes: Callable[[Instance, float], float],
    deadline: float = inf,
    rng: random.Random,
) -> tuple[list[float], Counter[int]]:
    """Make ``rate`` calls a second; ``takes`` says how long a call sent to an instance at a moment takes.

    A call that takes longer than ``deadline`` fails then. Returns how long each call took, and the calls per instance.
    """
    took: list[float] = []
    counts: Counter[int] = Counter()
    ends: list[tuple[float, int, Instance, object, float]] = []

    def end_until(moment: float) -> None:
        while ends and ends[0][0] <= moment:
            now, _, instance, ticket, seconds_taken = heapq.heappop(ends)
            instance.in_flight -= 1
            balancer.ended(instance, ticket, seconds_taken, seconds_taken < deadline, now)

    now = 0.0
    while (now := now + rng.expovariate(rate)) < seconds:
        end_until(now)
        instance = balancer.choose(now)
        seconds_taken = min(deadline, takes(instance, now))
        heapq.heappush(ends, (now + seconds_taken, len(took), instance, balancer.sent(instance, now), seconds_taken))
        instance.in_flight += 1
        took.append(seconds_taken)
        counts[instance.number] += 1
    end_until(inf)
    return took, counts
