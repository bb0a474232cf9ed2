"""Which instance a key belongs to, so that adding one instance moves only its share of the keys."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import log
from typing import Protocol, TypeVar

_MASK = (1 << 64) - 1


class Weighted(Protocol):
    @property
    def seed(self) -> int:
        """64 bits that stand for the instance: ``seed_of`` its id."""

    @property
    def weight(self) -> float: ...


W = TypeVar("W", bound=Weighted)


def seed_of(name: str | bytes) -> int:
    raw = name.encode() if isinstance(name, str) else name
    return int.from_bytes(blake2b(raw, digest_size=8).digest(), "little")


def _mixed(key: int, seed: int) -> int:
    """Steele, Lea and Flood's SplitMix64 finaliser over both."""
    z = (key ^ seed) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def owner(key: bytes, candidates: Sequence[W]) -> W:
    """The candidate that ``key`` belongs to, each owning a share in proportion to its weight.

    Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998; the weighted form is
    Schindelhauer and Schomaker's logarithmic method, 2005.

    Raises:
        ValueError: there are no candidates.
    """
    if not candidates:
        raise ValueError("owner() needs at least one candidate")
    hashed = seed_of(key)
    return max(candidates, key=lambda one: _score(hashed, one.seed, one.weight))


def _score(key: int, seed: int, weight: float) -> float:
    uniform = (_mixed(key, seed) + 0.5) / 2.0**64
    return -weight / log(uniform) if weight > 0 else 0.0
