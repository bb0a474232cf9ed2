"""Applications made up by hypothesis: services written in every way that authors and tools write Python."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

Draw = st.DrawFn


@dataclass(frozen=True)
class Style:
    """How a module gets at Homeport's names."""

    imports: str
    service: str
    method: str
    dependency: str
    bare: bool = True  # the decorator also works without parentheses
    files: dict[str, str] = field(default_factory=dict)


_MARKS = "from homeport import service, method, dependency\n"
_WRAPPER = (
    _MARKS
    + "def our_service(cls=None, **options):\n"
    + "    if cls is not None:\n        return service(cls)\n"
    + "    return service(**options)\n"
)
_OTHER_ALL = "from homeport import service as mine\nfrom homeport import method as dependency\n__all__ = ['mine']\n"
_AS_USUAL = ("service", "method", "dependency")
STYLES = (
    Style(_MARKS, *_AS_USUAL),
    Style("import homeport\n", "homeport.service", "homeport.method", "homeport.dependency"),
    Style("import homeport as hp\n", "hp.service", "hp.method", "hp.dependency"),
    Style("from homeport import service as svc, method as m, dependency as dep\n", "svc", "m", "dep"),
    Style("import homeport\nsvc = homeport.service\ndep = homeport.dependency\n", "svc", "homeport.method", "dep"),
    Style("import homeport as hp\nsvc, m = hp.service, hp.method\n", "svc", "m", "hp.dependency"),
    Style("from homeport import *\n", *_AS_USUAL),
    Style("from homeport.authoring.service import service\nfrom homeport import method, dependency\n", *_AS_USUAL),
    Style("try:\n    from homeport import *\nexcept ImportError:\n    service = None\n", *_AS_USUAL),
    Style("from marks import service, method, dependency\n", *_AS_USUAL, files={"marks.py": _MARKS}),
    Style("from marks import *\n", *_AS_USUAL, files={"marks.py": _MARKS}),
    Style("import marks\n", "marks.service", "marks.method", "marks.dependency", files={"marks.py": _MARKS}),
    Style("from deep import *\n", *_AS_USUAL, files={"deep.py": "from marks import *\n", "marks.py": _MARKS}),
    Style("from marks import *\n", *_AS_USUAL, files={"marks.py": f"{_MARKS}__all__ = ['service', 'method']\n"
                                                                 "__all__ += ['dependency']\n"}),
    Style("from marks import *\nfrom homeport import method, dependency\n", "mine", "method", "dependency",
          files={"marks.py": _OTHER_ALL}),
    Style(f"from functools import partial\n{_MARKS}alone = partial(service, isolated=True)\n", "alone", "method",
          "dependency", bare=False),
    Style("import functools\nimport homeport as hp\ntwice = functools.partial(hp.service, replicas=2)\n", "twice",
          "hp.method", "hp.dependency", bare=False),
    Style(f"{_MARKS}def ours(cls):\n    return service(isolated=True)(cls)\n", "ours", "method", "dependency"),
    Style(f"{_MARKS}def ours(**options):\n    return service(**options)\n", "ours", "method", "dependency", bare=False),
    Style(f"{_MARKS}def ours(cls):\n    cls = service(cls)\n    return cls\n", "ours", "method", "dependency"),
    Style(_WRAPPER, "our_service", "method", "dependency"),
    Style("from marks import our_service\nfrom homeport import method, dependency\n", "our_service", "method",
          "dependency", files={"marks.py": _WRAPPER}),
    Style("if True:\n    import homeport\n    from homeport import dependency as dep\n", "homeport.service",
          "homeport.method", "dep"),
)  # fmt: skip

NAMES = ("Payments", "StockService", "Cart", "HTTPProxyService", "Mail")
SERVICE_NAMES = ("payments", "stock", "cart", "http_proxy", "mail")
MODULES = ("shop.py", "shop_b.py", "pack/__init__.py", "pack/inner.py", "pack/sub/deep.py")
OPTIONS = (
    "", "()", "(name='other')", "(replicas=2)", "(replicas=0, public=True)", "(singleton=True)", "(version='2')",
    "(isolated=True, name='far')", "(replicas=COPIES)", "(name=NAME)", "(replicas=1 + 1)", "(**{'public': True})",
    "(name='homeport_x')", "(replicas=True)", "(nonsense=1)", "(singleton=True, replicas=3)",
)  # fmt: skip
TYPES = ("{0}", "'{0}'", "{0} | None", "Optional[{0}]", "Union[{0}, None]", "Annotated[{0}, 'x']", "ClassVar[{0}]",
         "'Optional[{0}]'", "Final[{0}]", "list[{0}]", "{0} | int", "Any", "int")  # fmt: skip


@st.composite
def members(draw: Draw, style: Style, others: tuple[str, ...], own: str) -> str:
    """One member of a class body; it rarely calls ``own``, the service that the class itself may be."""
    names = SERVICE_NAMES if draw(st.integers(0, 9)) == 9 else tuple(name for name in SERVICE_NAMES if name != own)
    other, attribute = draw(st.sampled_from(others)), draw(st.sampled_from(names))
    hint = draw(st.sampled_from(TYPES)).format(other)
    options = draw(st.sampled_from(("", "optional=True", "timeout='2s'", f"service='{attribute}'", "timeout=3.5")))
    second = draw(st.sampled_from(names))
    return draw(
        st.sampled_from(
            (
                f"{attribute}: {hint}",
                f"{attribute}: {hint} = None",
                f"{attribute}: {hint} = {style.dependency}({options})",
                f"{attribute} = {style.dependency}({options})",
                f"{attribute} = 3",
                f"def __init__(self):\n    self.{attribute} = 1",
                f"def __init__(self, {attribute}: {hint}):\n    self.kept = {attribute}",
                f"def __init__(self, {attribute}: {hint} = None):\n    self.{attribute} = {attribute}",
                f"async def use_{second}(self, x: int = 0) -> int:\n    return await self.{attribute}.process(x)",
                f"async def two(self):\n    await self.{attribute}.a()\n    await self.{second}.b(1, c=2)",
                f"async def stream(self):\n    async for x in self.{attribute}.items():\n        yield x",
                f"async def later(self):\n    call = lambda: self.{attribute}.go()\n    return await call()",
                f"async def alias(self):\n    p = self.{attribute}\n    return await p.process()",
                f"async def inner(self):\n    async def go():\n        await self.{attribute}.go()\n    await go()",
                f"async def shadow(self):\n    def go(self):\n        return self.{attribute}.go()\n    return go",
                f"async def literal(self):\n    return await getattr(self, '{attribute}').go()",
                f"async def reached(self):\n    return [await self.{attribute}.get(i) for i in range(2)]",
                f"async def kept(self):\n    self.{attribute} = {{}}\n    return self.{attribute}.get(1)",
                f"async def named(me):\n    return await me.{attribute}.go()",
                f"async def gone(self):\n    del self.{attribute}",
                f"async def set_(self):\n    setattr(self, '{attribute}', 1)\n    return self.{attribute}.go()",
                f"@{style.method}\ndef slow(self):\n    return 1",
                f"@{style.method}(timeout=2)\nasync def timed(self):\n    return await self.{attribute}.go()",
                f"@property\ndef {attribute}(self):\n    return 3",
                f"@staticmethod\nasync def still(x):\n    return x.{attribute}.go()",
                f"@classmethod\ndef made(cls):\n    return cls.{attribute}.go()",
                f"async def startup(self):\n    await self.{attribute}.hello()",
                f"async def {attribute}(self):\n    return await self.{second}.go()",
                f"async def _private(self):\n    return await self.{attribute}.go()",
                "async def plain(self) -> None: ...",
                "async def parent(self):\n    return await super().parent()",
                "'''A docstring in the middle.'''",
                "pass",
                f"class Nested:\n    async def go(self):\n        return await self.{attribute}.go()",
                f"for _ in range(2):\n    {attribute} = _",
                f"if COPIES:\n    async def chosen(self):\n        return await self.{attribute}.go()",
                f"global_{attribute}: int = 0",
                f"__slots__ = ('{attribute}',)",
            )
        )
    )


@st.composite
def classes(draw: Draw, style: Style, name: str, others: tuple[str, ...]) -> str:
    """A class statement, marked or not, somewhere in a module."""
    bases = draw(
        st.lists(st.sampled_from((*others, "Base", "Mixin", "object", "ABC", "dict")), max_size=2, unique=True)
    )
    own = SERVICE_NAMES[NAMES.index(name)]
    body = draw(st.lists(members(style, others, own), min_size=1, max_size=5))
    if draw(st.integers(0, 7)):
        body.append("async def serve(self) -> None: ...")  # else many classes have nothing to serve
    options = draw(st.sampled_from(OPTIONS[:8] if draw(st.integers(0, 3)) else OPTIONS)) or ("" if style.bare else "()")
    marked = draw(st.integers(0, 3)) > 0
    above = draw(st.sampled_from(("", "", "@same\n", "@dataclass\n")))
    below = draw(st.sampled_from(("", "", "@same\n", "@dataclass\n", "@dataclass(slots=True)\n")))
    mark = f"{above}@{style.service}{options}\n{below}" if marked else below
    text = f"{mark}class {name}({', '.join(bases)}):\n{_indented(chr(10).join(body))}"
    place = draw(st.integers(0, 11))
    match place:
        case 0:
            return f"if True:\n{_indented(text)}"
        case 1:
            return f"try:\n{_indented(text)}finally:\n    pass\n"
        case 2:
            return f"def make():\n{_indented(text)}    return {name}\n"
        case 3:
            return f"class Outer{name}:\n{_indented(text)}"
        case 4:
            plain = f"class {name}({', '.join(bases)}):\n{_indented(chr(10).join(body))}"
            return f"{plain}{name} = {style.service}({name})\n"
        case 5:
            return f"{text}Also{name} = {name}\n"
        case 6:
            return f"{text}{text}"
        case _:
            return text


@st.composite
def applications(draw: Draw) -> dict[str, str]:
    """The files of an application: up to three modules that import from each other."""
    names = draw(st.permutations(MODULES))[: draw(st.integers(1, 3))]
    files: dict[str, str] = {"pack/__init__.py": ""} if any("/" in name for name in names) else {}
    if any("sub" in name for name in names):
        files["pack/sub/__init__.py"] = ""
    pending = list(draw(st.permutations(NAMES)))
    owned: list[tuple[str, str]] = []  # module file and class
    for name in names:
        style = draw(st.sampled_from(STYLES))
        files.update(style.files)
        own = [pending.pop() for _ in range(draw(st.integers(1, 2))) if pending]
        head, known = draw(_heads(style, owned))
        others = tuple(dict.fromkeys([*known, *own]))
        body = [draw(classes(style, cls, others)) for cls in own]
        files[name] = head + "\n".join(body)
        owned += [(name, cls) for cls in own]
    return files


@st.composite
def _heads(draw: Draw, style: Style, owned: list[tuple[str, str]]) -> tuple[str, list[str]]:
    """The first lines of a module, and which classes of others it then knows."""
    lines = [
        '"""A module."""',
        draw(st.sampled_from((*["from __future__ import annotations"] * 4, ""))),
        "from abc import ABC\nfrom dataclasses import dataclass",
        "from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Optional, Union",
        style.imports,
        "COPIES = 3\nNAME = 'by_constant'",
        "def same(cls):\n    return cls",
        "class Base:\n    mail: Any\n    async def based(self):\n        return await self.stock.left()",
        "class Mixin:\n    async def parent(self):\n        return await self.cart.mixed()",
    ]
    known = []
    for file, cls in owned:
        module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        way = draw(st.integers(0, 4))
        if way == 0:
            continue
        known.append(cls if way != 3 else f"{module}.{cls}")
        lines.append(
            {
                1: f"from {module} import {cls}",
                2: f"if TYPE_CHECKING:\n    from {module} import {cls}",
                3: f"import {module}",
                4: f"from {module} import *",
            }[way]
        )
    return "\n".join(lines) + "\n", known


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
