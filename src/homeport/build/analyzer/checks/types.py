"""Parameters and results whose types cannot travel between processes: what importing the class would refuse."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from homeport.build.analyzer.checks.report import Placed, finding
from homeport.build.analyzer.linked import LinkedApplication
from homeport.build.analyzer.methods import InClass, LinkedMethod
from homeport.build.analyzer.types import meaning, parsed
from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.calls import Place
from homeport.build.scanner.expressions import dotted

_LOCKS = "Lock Event Condition Semaphore BoundedSemaphore"
_FILES = (
    "IOBase RawIOBase BufferedIOBase TextIOBase BytesIO StringIO TextIOWrapper FileIO BufferedReader BufferedWriter"
)
_ABC = "Callable Iterator Iterable Generator AsyncIterator AsyncIterable AsyncGenerator Awaitable Coroutine"
_PLAIN = frozenset({"", "int", "str", "float", "bool", "bytes", "None", "list[str]", "dict[str, str]", "list[int]"})
_STREAMS = frozenset({"AsyncIterator", "AsyncIterable", "AsyncGenerator"})

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "asyncio": f"{_LOCKS} Queue Task Future AbstractEventLoop StreamReader StreamWriter TaskGroup",
        "builtins": "complex memoryview range slice type BaseException Exception map filter",
        "collections": "deque defaultdict OrderedDict Counter ChainMap",
        "collections.abc": _ABC,
        "concurrent.futures": "Future Executor ThreadPoolExecutor ProcessPoolExecutor",
        "contextvars": "Context ContextVar",
        "fractions": "Fraction",
        "io": _FILES,
        "ipaddress": "IPv4Address IPv6Address IPv4Network IPv6Network",
        "logging": "Logger",
        "multiprocessing": "Process",
        "pathlib": "Path PurePath PosixPath PurePosixPath",
        "queue": "Queue SimpleQueue LifoQueue PriorityQueue",
        "re": "Pattern Match",
        "socket": "socket",
        "sqlite3": "Connection Cursor Row",
        "ssl": "SSLContext SSLSocket",
        "subprocess": "Popen CompletedProcess",
        "threading": f"{_LOCKS} RLock Thread Timer Barrier",
        "types": "FunctionType GeneratorType CoroutineType MethodType ModuleType SimpleNamespace",
        "typing": f"{_ABC} IO TextIO BinaryIO Pattern Match Deque DefaultDict OrderedDict Counter Type ContextManager",
        "weakref": "ref",
    }
)
REFUSED: frozenset[str] = frozenset(f"{module}.{name}" for module, names in _NAMES.items() for name in names.split())

_WAYS_OUT: Mapping[str, str] = MappingProxyType(
    {
        "deque": "use list[...]",
        "Deque": "use list[...]",
        "defaultdict": "use dict[...]",
        "DefaultDict": "use dict[...]",
        "OrderedDict": "use dict[...]",
        "Counter": "use dict[..., int]",
        "Path": "use str",
        "PurePath": "use str",
        "memoryview": "use bytes",
        "complex": "use two floats",
        "range": "use its start and end, or list[int]",
        "Pattern": "use str, and compile it where it is needed",
        "Callable": "functions stay in their process: name what is to be done, or call back a method of a service",
        "Iterator": "use list[...], or stream with an async generator",
        "Iterable": "use list[...], or stream with an async generator",
        "Generator": "use list[...], or stream with an async generator",
    }
    | dict.fromkeys(f"IO TextIO BinaryIO {_FILES}".split(), "use the content, as bytes or str, or its path as str")
    | dict.fromkeys(_LOCKS.split(), "keep it inside one service, and give that methods to take and release it")
)
_OTHERWISE = "use plain data: built-in types, or a dataclass, msgspec.Struct or pydantic model"


def unserialisable_types(application: LinkedApplication) -> Iterator[Finding]:
    """HP115, HP116, HP408 and HP409."""
    for service in application.services.values():
        for method in service.methods.values():
            if not method.planned.decorated:
                yield from _variadic(method)
                yield from _parameters(method)
                yield from _result(method)


def _variadic(method: LinkedMethod) -> Iterator[Finding]:
    variadic = method.function.variadic
    if variadic:
        name, of = variadic.lstrip("*"), "dict" if variadic.startswith("**") else "list"
        message = f"method {method.function.name!r} takes {variadic}, so it has no contract"
        yield _finding("HP115", method, _heading(method), message, f"take a {of} instead: `{name}: {of}`")


def _parameters(method: LinkedMethod) -> Iterator[Finding]:
    for field in method.function.parameters:
        if field.annotation in _PLAIN:
            continue
        for name in _refused(parsed(field.annotation), method.names):
            at = Place("", field.line, field.column, field.line, field.column + len(field.name))
            message = f"{_shown(name)}, the type of parameter {field.name!r}, cannot travel between processes"
            yield _finding("HP408", method, at, message, _way_out(name))


def _result(method: LinkedMethod) -> Iterator[Finding]:
    if method.planned.returns in _PLAIN and not method.planned.streams:
        return
    node, name = parsed(method.planned.returns), method.function.name
    if method.planned.streams and node is not None:
        # AsyncIterator[...] itself is what streams are annotated with.
        outer = meaning(node.value if isinstance(node, ast.Subscript) else node, method.names)
        if outer and outer.rpartition(".")[2] not in (*_STREAMS, "Any"):
            message = f"{name}() yields, but its result is annotated {method.planned.returns}"
            hint = f"write `-> AsyncIterator[...]`, or return {method.planned.returns} instead of yielding"
            yield _finding("HP116", method, _heading(method), message, hint)
            return
        node = node.slice if isinstance(node, ast.Subscript) else None
    for refused in _refused(node, method.names):
        message = f"{_shown(refused)}, which {name}() returns, cannot travel between processes"
        hint = _way_out(refused)
        if refused.rpartition(".")[2] in _STREAMS:
            hint = "make the method an async generator: let it `yield` the items itself"
        yield _finding("HP409", method, _heading(method), message, hint)


def _heading(method: LinkedMethod) -> Place:
    """``async def process``."""
    function = method.function
    width = len("async def " if function.is_async else "def ") + len(function.name)
    return Place("", function.line, function.column, function.line, function.column + width)


def _refused(node: ast.expr | None, names: InClass) -> Iterator[str]:
    """The full names of types in an annotation that cannot travel, each once."""
    found: dict[str, None] = {}
    pending = [node] if node is not None else []
    while pending:
        part = pending.pop(0)
        match part:
            case ast.Constant(value=str(text)):
                pending.extend([inner] if (inner := parsed(text)) is not None else [])
            case ast.BinOp(left=left, right=right):
                pending.extend((left, right))
            case ast.Tuple(elts=elements):
                pending.extend(elements)
            case ast.Subscript(value=value, slice=inside):
                outer = meaning(value, names)
                found.update({outer: None} if outer in REFUSED else {})
                if outer.rpartition(".")[2] == "Annotated" and isinstance(inside, ast.Tuple):
                    pending.append(inside.elts[0])
                elif outer.rpartition(".")[2] != "Literal" and outer not in REFUSED:
                    pending.append(inside)
            case ast.Name() | ast.Attribute():
                name = meaning(part, names)
                found.update({name: None} if name in REFUSED else {})
                own = dotted(part)
                found.update({own: None} if own and names.plain_class(own) else {})
    yield from found


def _way_out(name: str) -> str:
    return _WAYS_OUT.get(name.rpartition(".")[2], _OTHERWISE)


def _shown(name: str) -> str:
    return name.removeprefix("builtins.")


def _finding(code: str, method: LinkedMethod, at: Placed, message: str, hint: str) -> Finding:
    return finding(code, method.planned.path, at, message, hint)
