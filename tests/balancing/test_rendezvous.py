from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.balancing.rendezvous import owner, seed_of


class Node(msgspec.Struct, frozen=True):
    name: str
    weight: float = 1.0

    @property
    def seed(self) -> int:
        return seed_of(self.name)


KEYS = [f"user-{number}".encode() for number in range(2000)]


@given(st.integers(1, 8))
def test_adding_an_instance_moves_only_its_own_share(count: int) -> None:
    before = [Node(f"n{number}") for number in range(count)]
    after = [*before, Node("new")]
    moved = [key for key in KEYS[:300] if owner(key, before) != owner(key, after)]
    assert all(owner(key, after).name == "new" for key in moved)


def test_keys_spread_evenly() -> None:
    nodes = [Node(f"n{number}") for number in range(5)]
    shares = [sum(owner(key, nodes) == node for key in KEYS) / len(KEYS) for node in nodes]
    assert all(0.16 < share < 0.24 for share in shares)


def test_a_heavier_instance_owns_more() -> None:
    nodes = [Node("light"), Node("heavy", weight=3.0)]
    heavy = sum(owner(key, nodes).name == "heavy" for key in KEYS) / len(KEYS)
    assert 0.70 < heavy < 0.80


def test_the_order_of_candidates_does_not_matter() -> None:
    nodes = [Node(f"n{number}") for number in range(5)]
    assert [owner(key, nodes) for key in KEYS[:50]] == [owner(key, nodes[::-1]) for key in KEYS[:50]]


def test_no_candidates_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        owner(b"key", [])
