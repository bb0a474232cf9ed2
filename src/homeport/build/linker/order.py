"""The order in which Python looks through a class and its bases."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def merge(sequences: Sequence[Sequence[T]]) -> list[T] | None:
    """One order that keeps the order of each sequence; None when there is none.

    Source: K. Barrett and others, "A Monotonic Superclass Linearization for Dylan", 1996 (C3), as Python uses it.
    """
    rests = [list(reversed(sequence)) for sequence in sequences if sequence]
    behind: dict[T, int] = {}  # in how many sequences something still stands behind another
    for rest in rests:
        for item in rest[:-1]:
            behind[item] = behind.get(item, 0) + 1
    order: list[T] = []
    while rests:
        head = next((rest[-1] for rest in rests if not behind.get(rest[-1])), None)
        if head is None:
            return None
        order.append(head)
        for rest in rests:
            if rest[-1] == head:
                rest.pop()
                if rest:
                    behind[rest[-1]] -= 1
        rests = [rest for rest in rests if rest]
    return order


def linearize(cls: T, bases: Sequence[T], orders: Sequence[Sequence[T]]) -> list[T] | None:
    """The order of a class, given that of each of its bases; None when Python would refuse the class."""
    if len(set(bases)) < len(bases):
        return None
    merged = merge([*orders, bases])
    return None if merged is None else [cls, *merged]
