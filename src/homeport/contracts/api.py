"""What a service promises, as data: the form in which contracts are stored, compared and shown."""

from __future__ import annotations

from typing import Any

import msgspec

Schema = dict[str, Any]  # JSON Schema 2020-12; references point into ``Contract.definitions`` as #/$defs/Name


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One argument of a method."""

    name: str
    schema: Schema = {}  # empty: plain data
    required: bool = True
    keyword_only: bool = False


class ErrorContract(msgspec.Struct, frozen=True, kw_only=True):
    """A ``ServiceError`` that a method declares with ``raises=``."""

    code: str
    key: str  # module:qualname
    status: int
    schema: Schema = {}


class MethodContract(msgspec.Struct, frozen=True, kw_only=True):
    """One method: what goes in, what comes out, how it may be called."""

    name: str
    parameters: tuple[Parameter, ...] = ()
    result: Schema = {}  # of one item, when it streams
    streams: bool = False
    timeout: float | None = None  # seconds; None: the default of 30 s (for a stream: idle time per item)
    idempotent: bool = False
    route_by: str = ""  # parameter whose value chooses the instance
    raises: tuple[ErrorContract, ...] = ()
    public: bool = False
    doc: str = ""

    @property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """All methods of a service, with the schemas they share."""

    service: str
    methods: tuple[MethodContract, ...] = ()
    definitions: dict[str, Schema] = {}
    public: bool = False
    asgi: bool = False  # also answers HTTP, behind /apps/<service>/ on the front
    doc: str = ""
    fingerprint: str = ""  # 16 hex digits over names, types and streaming; not over docs

    def method(self, name: str) -> MethodContract | None:
        return next((method for method in self.methods if method.name == name), None)
