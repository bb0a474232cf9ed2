"""How a new instance is spared at first, while its caches are cold and its code is not warm."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

from homeport.balancing.policy import SlowStartPolicy

M = TypeVar("M", bound=Hashable)


class SlowStart(Generic[M]):
    """Gives a new instance a growing share of the calls that the balancer would give it.

    A weight would not do: two choices send nothing at all to the dearer of two idle instances, so at low load a small
    weight starves. Instead, a chosen newcomer is passed over with a chance that falls as it grows older, linearly over
    ``window`` seconds from ``1 - least`` to none. Only where there are ``instances`` or more, and seasoned ones among
    them to take over: those known from the beginning are seasoned. Source: Envoy's slow start mode, for the ramp.
    """

    __slots__ = ("_limits", "_members", "_since", "warming")

    def __init__(self, limits: SlowStartPolicy) -> None:
        self._limits = limits
        self._members: Collection[M] = ()
        self._since: dict[M, float] = {}
        self.warming = False  # nothing to ask while it is False

    def update(self, members: Collection[M], now: float) -> None:
        """These are the instances from now on."""
        if self._members:
            known = set(self._members)
            self._since.update((member, now) for member in members if member not in known)
        present = set(members)
        self._since = {member: since for member, since in self._since.items() if member in present}
        self._members = members
        self._settle(now)

    def restarted(self, member: M, now: float) -> None:
        """It is healthy again after it was not: start anew."""
        if member in self._members:
            self._since[member] = now
            self._settle(now)

    def factor(self, member: M, now: float) -> float:
        """The part of its usual share that an instance gets now, up to 1."""
        since = self._since.get(member)
        if since is None or not self.warming:
            return 1.0
        return min(1.0, max(self._limits.least, (now - since) / self._limits.window))

    def passes_over(self, member: M, now: float, draw: Callable[[], float]) -> bool:
        """Whether the call for which ``member`` has been chosen should go to another."""
        factor = self.factor(member, now)
        if factor < 1.0:
            return draw() >= factor
        if self._since.pop(member, None) is not None:
            self._settle(now)
        return False

    def _settle(self, now: float) -> None:
        window = self._limits.window
        self._since = {member: since for member, since in self._since.items() if now - since < window}
        some_are_seasoned = len(self._since) < len(self._members)
        self.warming = bool(self._since) and some_are_seasoned and len(self._members) >= self._limits.instances
