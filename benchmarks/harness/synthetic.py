"""Applications made up for measuring: as many services and files as wanted, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent

import msgspec

AREA = 20  # services that share a folder and its types
PACKAGE = "works"
_NOUNS = (
    "order",
    "invoice",
    "parcel",
    "stock",
    "price",
    "ticket",
    "rider",
    "menu",
    "claim",
    "policy",
    "ledger",
    "badge",
)
_DEEDS = ("intake", "review", "audit", "search", "export", "merge", "quote", "routing", "archive", "alert")


class Size(msgspec.Struct, frozen=True):
    """``files`` beyond one for each service hold no service: what applications have most of."""

    services: int
    files: int = 0
    seed: int = 7
    active: int | None = None  # services that run when nothing is scaled; the others wait at zero. None: all run


class _Service(msgspec.Struct, frozen=True):
    name: str
    cls: str
    module: str  # "works.area_003.order_intake_0061"
    calls: tuple[int, ...]  # numbers of the services it calls


def application(size: Size) -> Iterator[tuple[str, str]]:
    """Its files, as relative path and text.

    Services call up to three others of lower number, near ones most of the time, so the graph has no cycle. Types come
    from a module of their area that is really imported; classes of other services only under ``TYPE_CHECKING``.
    """
    services = _services(size)
    yield f"{PACKAGE}/__init__.py", '"""An application made up for measuring."""\n'
    for start in range(0, size.services, AREA):
        area = start // AREA
        yield f"{PACKAGE}/area_{area:03}/__init__.py", ""
        yield f"{PACKAGE}/area_{area:03}/types.py", _types_module(area)
        for number in range(start, min(start + AREA, size.services)):
            rng = random.Random(f"{size.seed} service {number}")
            idle = size.active is not None and number not in hosted(size)
            yield _path(services[number].module), _service_module(services, number, rng, idle=idle)
    yield from _plain_files(size)


def hosted(size: Size) -> Sequence[int]:
    """The numbers of the services that run, spread over the whole application."""
    active = size.services if size.active is None else size.active
    return [index * size.services // active for index in range(active)]


def names(size: Size) -> list[str]:
    """The services' names, by number."""
    return [service.name for service in _services(size)]


def write(size: Size, folder: Path) -> list[Path]:
    """Write the application below ``folder``, which becomes its import root; the paths of its files."""
    written = []
    for name, text in application(size):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        written.append(path)
    return written


def _services(size: Size) -> list[_Service]:
    made = []
    for number in range(size.services):
        rng = random.Random(f"{size.seed} graph {number}")
        noun, deed = rng.choice(_NOUNS), rng.choice(_DEEDS)
        near = range(max(0, number - 2 * AREA), number)
        calls = set(rng.sample(near, min(len(near), rng.choice((0, 1, 1, 2, 2, 3)))))
        if number and rng.random() < 0.1:
            calls.add(rng.randrange(number))
        name = f"{noun}_{deed}_{number:04}"
        made.append(
            _Service(
                name=name,
                cls=f"{noun.title()}{deed.title()}_{number:04}",
                module=f"{PACKAGE}.area_{number // AREA:03}.{name}",
                calls=tuple(sorted(calls)),
            )
        )
    return made


def _path(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _types_module(area: int) -> str:
    return _TYPES.format(area=area)


def _service_module(services: list[_Service], number: int, rng: random.Random, *, idle: bool) -> str:
    service = services[number]
    callees = [services[other] for other in service.calls]
    declared = [callee for callee in callees if rng.random() < 0.7]
    methods = [_OPEN.format()]  # which others call
    methods += [rng.choice(_METHODS).format(number=index) for index in range(rng.randint(2, 6))]
    methods += [_CALLING.format(number=index, callee=callee.name) for index, callee in enumerate(callees)]
    body = "\n".join(methods)
    imports = "".join(f"    from {callee.module} import {callee.cls}\n" for callee in declared)
    options = ", ".join([f'name="{service.name}"', *(["replicas=0"] if idle else [])])
    return _SERVICE.format(
        area=number // AREA,
        package=PACKAGE,
        title=service.name.replace("_", " "),
        typed=f"\nif TYPE_CHECKING:\n{imports}" if declared else "",
        checking="TYPE_CHECKING, " if declared else "",
        options=options,
        cls=service.cls,
        fields="".join(f"    {callee.name}: {callee.cls}\n" for callee in declared) + ("\n" if declared else ""),
        methods=indent(body, "    "),
    )


def _plain_files(size: Size) -> Iterator[tuple[str, str]]:
    for number in range(max(0, size.files - size.services)):
        rng = random.Random(f"{size.seed} plain {number}")
        pieces = [
            rng.choice(_PLAIN).format(number=index, word=rng.choice(_NOUNS)) for index in range(rng.randint(3, 9))
        ]
        folder = f"{PACKAGE}/library/part_{number // 100:03}"
        if number % 100 == 0:
            yield f"{folder}/__init__.py", ""
        yield f"{folder}/piece_{number:05}.py", _PLAIN_HEAD.format(number=number) + "\n".join(pieces)


_TYPES = '''"""What the services of this area tell each other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

AREA = {area}
Quantity = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
State = Literal["new", "open", "closed"]


class Line(msgspec.Struct, frozen=True):
    article: str
    quantity: Quantity
    price_cents: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    state: State = "new"
    lines: tuple[Line, ...] = ()
    opened_at: datetime | None = None
    notes: dict[str, str] = {{}}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    entry: str
    accepted: bool
    reasons: list[str] = []
    score: float = 0.0
'''

_SERVICE = '''"""The service {title}."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import {checking}Any

import homeport
from homeport import method, service

from .types import Entry, Line, Quantity, Verdict
{typed}
log = logging.getLogger(__name__)

LIMIT = {area}_000
KINDS: Mapping[str, int] = {{"small": 10, "large": 1_000}}


class Refused(homeport.ServiceError):
    """Not with these lines."""

    entry: str


def weigh(lines: Iterable[Line]) -> float:
    """Mean price of an article, zero without any."""
    count, total = 0, 0.0
    for line in lines:
        count += line.quantity
        total += line.quantity * line.price_cents / 100
    return total / count if count else 0.0


@service({options})
class {cls}:
    """Keeps entries, and judges them."""

{fields}    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {{}}
        self._seen: set[str] = set()

    async def startup(self) -> None:
        self._entries.clear()

{methods}
    def _known(self, entry_id: str) -> Entry:
        try:
            return self._entries[entry_id]
        except KeyError:
            raise Refused(entry=entry_id) from None
'''

_OPEN = '''async def open_first(self, lines: list[Line], notes: dict[str, str] | None = None) -> Entry:
    """Make an entry of these lines."""
    number = len(self._entries) + 1
    now = datetime.now(UTC)
    entry = Entry(id=f"e{{number:06}}", state="open", lines=tuple(lines), opened_at=now, notes=notes or {{}})
    self._entries[entry.id] = entry
    while len(self._entries) > LIMIT + 1:
        oldest = next(iter(self._entries))
        del self._entries[oldest]
        self._seen.discard(oldest)
    return entry
'''

_METHODS = (
    '''@method(idempotent=True, timeout="5s")
async def find_{number}(self, entry_id: str, fallback: Entry | None = None) -> Entry | None:
    """The entry of this id."""
    found = self._entries.get(entry_id)
    if found is None and fallback is not None:
        log.info("entry.missing", extra={{"entry": entry_id, "fallback": fallback.id}})
        return fallback
    return found
''',
    '''@method(raises=[Refused])
async def judge_{number}(self, entry_id: str, limit: float = 100.0, *, strict: bool = False) -> Verdict:
    """Whether the entry may go on, and why not."""
    entry = self._known(entry_id)
    weight = weigh(entry.lines)
    reasons = [f"{{line.article}} costs {{line.price_cents}}" for line in entry.lines if line.price_cents > limit]
    if strict and len(entry.lines) > LIMIT:
        reasons.append("too many lines")
    for kind, most in KINDS.items():
        if weight > most and not kind.startswith("l"):
            reasons.append(f"{{kind}}: {{weight:.2f}} over {{most}}")
    self._seen.add(entry_id)
    return Verdict(entry=entry_id, accepted=not reasons, reasons=reasons, score=weight)
''',
    '''async def totals_{number}(self, articles: list[str], factor: Quantity = 1) -> dict[str, float]:
    """What has been ordered of each article."""
    sums: dict[str, float] = dict.fromkeys(articles, 0.0)
    for entry in self._entries.values():
        for line in entry.lines:
            if line.article in sums:
                sums[line.article] += line.quantity * factor
    await asyncio.sleep(0)
    return {{name: value for name, value in sorted(sums.items()) if value}}
''',
)

_CALLING = '''async def ask_{number}(self, entry_id: str) -> Any:
    """What the other service says of it."""
    entry = self._known(entry_id)
    try:
        answer = await self.{callee}.open_first(list(entry.lines), notes={{"from": entry_id}})
    except homeport.Unavailable as error:
        log.warning("neighbour.unavailable", extra={{"entry": entry_id, "error": str(error)}})
        return None
    return answer
'''

_PLAIN_HEAD = '''"""Part {number} of what the services stand on."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

PATTERN = re.compile(r"(?P<key>[a-z]+)=(?P<value>[^;]*)")
'''

_PLAIN = (
    '''

@dataclass
class Known{number}:
    """What is known of one thing."""

    key: str
    values: list[float] = field(default_factory=list)
    parent: Any = None

    def mean(self) -> float:
        return sum(self.values) / len(self.values) if self.values else 0.0

    def path(self) -> list[str]:
        node, found = self, []
        while node is not None:
            found.append(node.key)
            node = node.parent
        return found[::-1]

    @property
    def depth(self) -> int:
        return len(self.path()) - 1
''',
    '''

@lru_cache(maxsize=512)
def parse_{word}_{number}(text: str, separator: str = ";") -> dict[str, str]:
    """Pairs of key and value."""
    found = {{}}
    for piece in text.split(separator):
        match = PATTERN.match(piece.strip())
        if match is None:
            continue
        key, value = match["key"], match["value"]
        if key in found and found[key] != value:
            raise ValueError(f"{{key!r}} twice: {{found[key]!r}} and {{value!r}}")
        found[key] = value
    return found
''',
    '''

def group_{word}_{number}(rows, key, *, limit=None):
    """Rows by what ``key`` says of them."""
    groups = defaultdict(list)
    for index, row in enumerate(rows):
        if limit is not None and index >= limit:
            break
        groups[key(row)].append(row)
    sizes = sorted(((len(group), name) for name, group in groups.items()), reverse=True)
    return {{name: (size, groups[name]) for size, name in sizes if size > 1 or len(groups) < 10}}
''',
)
