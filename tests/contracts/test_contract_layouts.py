"""Unions that msgspec lays out wrongly in memory are kept from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, NewType, TypedDict

import msgspec
import pytest

from homeport.contracts.layouts import is_unsound, unsound_field
from homeport.contracts.signature import signature_of
from homeport.errors import DefinitionError

Short = Annotated[str, msgspec.Meta(max_length=3)]
Even = Annotated[int, msgspec.Meta(multiple_of=2)]
Named = Annotated[int, msgspec.Meta(title="count")]
Coded = Annotated[str, msgspec.Meta(pattern="^a")]


class Place(NamedTuple):
    x: int


class Box(msgspec.Struct):
    size: Even | tuple[int, int]


@dataclass
class Shelf:
    boxes: list[Box]
    above: Shelf | None = None


class Room(TypedDict):
    shelf: Shelf


class Tree(msgspec.Struct):
    children: list[Tree]
    size: Even | list[int]


class Sorter:
    async def put(self, room: Room) -> None: ...


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ((Short, tuple[int]), True),
        ((Even, tuple[()], None), True),
        ((int, Annotated[tuple[int, str], msgspec.Meta(title="pair")], Short), True),
        ((Even, tuple[int, ...]), False),
        ((Even, list[int]), False),
        ((Even, tuple), False),
        ((Even, Place), False),
        ((Named, tuple[int]), False),
        ((Coded, tuple[int]), False),
        ((str, tuple[int]), False),
    ],
)
def test_a_length_and_a_limit_in_one_union_are_unsound(members: tuple[Any, ...], expected: bool) -> None:
    assert is_unsound(members) is expected


@pytest.mark.parametrize("hint", [Box, list[Box], Shelf, dict[str, Room | None], NewType("Kept", Box)])
def test_a_field_with_such_a_union_is_found_however_far_down(hint: Any) -> None:
    assert unsound_field([hint]) == "Box.size"


@pytest.mark.parametrize("hint", [int, list[str], Tree, Place, Even | tuple[int]])
def test_other_types_have_no_such_field(hint: Any) -> None:
    assert unsound_field([hint]) == ""


def test_a_method_that_takes_one_is_refused_with_the_field_and_the_way_out() -> None:
    with pytest.raises(DefinitionError, match=r"Box\.size: a tuple of fixed length .* write list\[\.\.\.\]"):
        signature_of(Sorter, "sorter")
