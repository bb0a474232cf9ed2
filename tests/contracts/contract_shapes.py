"""Types of every kind that a service may take and give."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Generic, Literal, NamedTuple, NewType, NotRequired, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic

if TYPE_CHECKING:
    from collections.abc import Mapping as Table
    from decimal import Decimal as Money

    from nowhere import Nothing

T = TypeVar("T")
OrderId = NewType("OrderId", str)
Positive = Annotated[int, msgspec.Meta(gt=0)]


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    """A place on the plane."""

    x: float
    y: float = 0.0


class Item(msgspec.Struct):
    name: str
    price: float
    tags: list[str] = []


class Order(msgspec.Struct):
    id: OrderId
    items: list[Item]
    note: str | None = None
    parent: Order | None = None


class Page(msgspec.Struct, Generic[T]):
    items: list[T]
    more: bool = False


class Card(msgspec.Struct, tag=True):
    number: str


class Iban(msgspec.Struct, tag=True):
    code: str


@dataclasses.dataclass
class Cash:
    amount: int
    kind: Literal["cash"] = "cash"


@dataclasses.dataclass
class Cheque:
    amount: int
    kind: Literal["cheque"] = "cheque"


@dataclasses.dataclass
class Cat:
    lives: int


@dataclasses.dataclass
class Dog:
    tricks: list[str]


class Address(TypedDict):
    street: str
    zip: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str = ""


class User(pydantic.BaseModel):
    id: UUID
    name: str = pydantic.Field(alias="fullName")
    born: datetime | None = None
    friends: list[User] = []


class StrictUser(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    id: UUID
    age: int


class Photo(pydantic.BaseModel):
    title: str
    pixels: bytes


class Plain:
    """Travels nowhere."""


@dataclasses.dataclass
class Box:
    content: dict[str, list[Plain]]


@dataclasses.dataclass
class Basket:
    owner: Cat | Dog


class Hidden:
    async def pay(self, amount: Money) -> Table[str, int]: ...


class Lost:
    async def find(self, thing: Nothing) -> None: ...
