"""Services whose contracts have every shape, and names that Python finds hard."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import msgspec
import pydantic

from homeport import ServiceError, method, service

T = TypeVar("T")
List, Str = list, str  # for classes that have members called so


class Color(enum.Enum):
    RED = "red"
    BLUE = "dark blue"
    ODD = "1st"


class Level(enum.IntEnum):
    LOW = -1
    HIGH = 2


class Item(msgspec.Struct):
    name: Str
    price: decimal.Decimal
    tags: List[Str] = []
    color: Color = Color.RED
    levels: List[Level] = msgspec.field(default_factory=lambda: [Level.LOW])
    made: dt.date = dt.date(2020, 1, 1)
    datetime: dt.datetime | None = None
    list: set[int] = msgspec.field(default_factory=set)
    delay: dt.timedelta = dt.timedelta(seconds=3)
    blob: bytes = b"\x00\xff"


class Tree(msgspec.Struct):
    value: int
    below: list[Tree] = []


class Page(msgspec.Struct, Generic[T]):
    """Some of many."""

    items: list[T]
    more: bool = False


class Card(msgspec.Struct, tag=True):
    number: str


class Iban(msgspec.Struct, tag=True):
    code: str


class Bill(msgspec.Struct):
    by: Card | Iban


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


@dataclasses.dataclass(frozen=True)
class Empty:
    pass


Odd = TypedDict("Odd", {"class": int, "from-date": str, "1st": NotRequired[bool], "_x": int, "Item": str})


class Pair(NamedTuple):
    left: int
    right: str = ""


class Row(msgspec.Struct, array_like=True):
    number: int
    text: str


class Renamed(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    first_name: str
    self_: int = 3


class Friend(pydantic.BaseModel):
    kind: Literal["friend"] = "friend"
    name: str


class Foe(pydantic.BaseModel):
    kind: Literal["foe"] = "foe"
    name: str


class User(pydantic.BaseModel):
    id: uuid.UUID
    name: str = pydantic.Field(alias="fullName", min_length=1)
    born: dt.datetime | None = None
    friends: list[User] = []
    other: Friend | Foe = pydantic.Field(discriminator="kind")
    score: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.5
    either: int | str = 3
    nick: str = None  # type: ignore[assignment]


class NotThere(ServiceError, status=404):
    what: Item
    after: float = 2.5


class Conflict(ServiceError, status=409, code="zoo.conflict"):
    """No fields at all."""


@service
class Zoo:
    """A "zoo" of types \\ that ends with a quote\""""

    async def list(self, a: List[int], *, color: Color = Color.RED, b: List[Str] = []) -> List[Item]:  # noqa: B006
        r"""Odd \n "docs"""
        raise NotImplementedError

    @method(raises=[NotThere, Conflict], timeout=3, idempotent=True)
    async def order(self, item: Item, level: Level = Level.HIGH, when: dt.datetime | None = None) -> Page[Item]:
        raise NotThere(what=item)

    async def pages(self) -> Page[Page[int]]: ...  # type: ignore[empty-body]

    async def pay(self, by: Card | Iban, then: Bill) -> Cash | Cheque: ...  # type: ignore[empty-body]

    async def pet(self, pet: Cat | Dog | None = None) -> Empty: ...  # type: ignore[empty-body]

    async def odd(self, odd: Odd, n: Annotated[int, msgspec.Meta(ge=3)] = 5) -> dict[int, Pair]: ...  # type: ignore[empty-body]

    async def row(self, row: Row) -> tuple[int, Str]: ...  # type: ignore[empty-body]

    async def users(self, user: User) -> AsyncIterator[User]:
        yield user

    async def anything(self, x, y: Any = None, z: dict[Str, Any] | None = None): ...  # type: ignore[no-untyped-def]

    async def literal(self, mode: Literal["a", 'c"'] = "a") -> Literal[1, 2] | None: ...

    async def str(self, x: Str = 'it\'s "q"', i: float = 1e10, t: tuple[int, ...] = (1, 2)) -> bytes: ...  # type: ignore[empty-body]

    async def unsure(self, n: int = None, c: Color | None = Color.BLUE) -> None: ...  # type: ignore[assignment] # noqa: RUF013

    async def renamed(self, renamed: Renamed) -> dict[Color, uuid.UUID]: ...  # type: ignore[empty-body]

    async def typing(self, days: dict[Str, set[dt.date]], tree: Tree) -> None: ...

    async def models(self, item: Item) -> Item: ...  # type: ignore[empty-body]


class Deep:
    class Item(msgspec.Struct):
        other: int


@service(name="import")
class Import:
    async def get(self, item: Deep.Item) -> Deep.Item: ...  # type: ignore[empty-body]

    async def zoo(self, color: Color) -> Card: ...  # type: ignore[empty-body]

    async def stream(self, color: Color) -> AsyncIterator[int]:
        yield 1
