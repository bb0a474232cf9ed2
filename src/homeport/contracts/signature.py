"""A class's methods with their contract and their codecs: the one place where annotations become a wire format."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from homeport.contracts.annotations import raw_signature
from homeport.contracts.api import Contract, ErrorContract, MethodContract, Parameter
from homeport.contracts.arguments import DecodeArguments, argument_decoder, argument_encoder
from homeport.contracts.choices import decodable
from homeport.contracts.failures import fields_type
from homeport.contracts.fingerprint import fingerprint
from homeport.contracts.hints import hints_of
from homeport.contracts.parameters import Parameters, TypedParameter, shown_signature
from homeport.contracts.places import refuse
from homeport.contracts.results import DecodeResult, EncodeResult, result_decoder, result_encoder
from homeport.contracts.schemas import Schemas, Unfit, with_default
from homeport.contracts.served import Served, served_by, streams, threaded
from homeport.contracts.wire import type_name
from homeport.errors import DefinitionError, ServiceError, error_key

_STREAMS = (collections.abc.AsyncIterator, collections.abc.AsyncGenerator, collections.abc.AsyncIterable)


@dataclasses.dataclass(frozen=True, slots=True)
class MethodSignature:
    """One method, ready to be served and called."""

    name: str
    contract: MethodContract
    streams: bool
    threaded: bool  # a ``def``: its body belongs in a thread
    shown: str  # cart.add(product_id: str, quantity: int = 1)
    decode_arguments: DecodeArguments
    encode_arguments: Callable[[tuple[Any, ...], dict[str, Any]], bytes]
    encode_result: EncodeResult  # of one item, when it streams
    decode_result: DecodeResult


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceSignature:
    """What a class promises to callers of the service."""

    service: str
    contract: Contract
    methods: Mapping[str, MethodSignature]


@dataclasses.dataclass(frozen=True, slots=True)
class _Typed:
    """A method whose annotations are understood."""

    served: Served
    method: str  # cart.add
    parameters: Parameters
    result: Any
    streams: bool
    raises: tuple[type[ServiceError], ...]

    @property
    def types(self) -> list[tuple[str, Any]]:
        """Every type of it that needs a schema, with what to call it in an error."""
        given = [(f"parameter {p.name!r}", p.type) for p in self.parameters.all]
        errors = [(f"error {error.__qualname__}", fields_type(error)) for error in self.raises]
        return [*given, ("result", self.result), *errors]


def signature_of(cls: type, service: str) -> ServiceSignature:
    """The contract and codecs of ``cls`` as service ``service``. A Protocol class will do.

    Raises:
        DefinitionError: a method cannot be served as written; names it, its place and the way out.
    """
    typed = [_typed(served, cls, service) for served in served_by(cls)]
    schemas = _schemas(cls, typed)
    described = iter(schemas.schemas)
    contracts = [_method_contract(method, [next(described) for _ in method.types]) for method in typed]
    contract = _contract(cls, service, tuple(contracts), schemas)
    methods = {m.served.name: _signature(m, c) for m, c in zip(typed, contracts, strict=True)}
    return ServiceSignature(service, contract, methods)


def app_contract(service: str, *, public: bool) -> Contract:
    """Of an ASGI app: it answers HTTP, and has no methods."""
    contract = Contract(service=service, asgi=True, public=public)
    return msgspec.structs.replace(contract, fingerprint=fingerprint(contract))


def method_codecs(cls: type, service: str, name: str, contract: MethodContract | None = None) -> MethodSignature | None:
    """One method's codecs without describing them in JSON Schema; None: no such method.

    For APIs whose types both sides have: then the contract has names and options, but neither schemas nor a
    fingerprint. Or with the ``contract`` that the class was found to have before.

    Raises:
        DefinitionError: the method cannot be served as written.
    """
    served = next((one for one in served_by(cls) if one.name == name), None)
    if served is None:
        return None
    typed = _typed(served, cls, service)
    return _signature(typed, contract or _method_contract(typed, [{} for _ in typed.types]))


# -- understanding a method --------------------------------------------------------------------------------------------


def _typed(served: Served, cls: type, service: str) -> _Typed:
    name = f"{cls.__qualname__}.{served.name}"
    method = f"{service}.{served.name}"
    signature = _without_self(name, served)
    hints = hints_of(served, cls)
    parameters = tuple(
        _parameter(name, served, parameter, hints.get(parameter.name, Any))
        for parameter in signature.parameters.values()
    )
    returned = hints.get("return", Any)
    item = _item(name, served, returned) if streams(served.function) else returned
    return _Typed(
        served=served,
        method=method,
        parameters=Parameters(method, shown_signature(method, signature), parameters),
        result=_decodable(name, served, "result", item),
        streams=streams(served.function),
        raises=_raises(name, served),
    )


def _without_self(name: str, served: Served) -> inspect.Signature:
    signature = raw_signature(served.function)
    parameters = list(signature.parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise refuse(name, served.function, "it takes no self; add it, or mark it @staticmethod to keep it private")
    return signature.replace(parameters=parameters[1:])


def _parameter(name: str, served: Served, parameter: inspect.Parameter, hint: Any) -> TypedParameter:
    if parameter.kind is parameter.VAR_POSITIONAL:
        raise refuse(name, served.function, f"*{parameter.name} has no contract; take a list, {parameter.name}: list")
    if parameter.kind is parameter.VAR_KEYWORD:
        raise refuse(name, served.function, f"**{parameter.name} has no contract; take a dict, {parameter.name}: dict")
    return TypedParameter(
        name=parameter.name,
        type=_decodable(name, served, f"parameter {parameter.name!r}", hint),
        required=parameter.default is parameter.empty,
        keyword_only=parameter.kind is parameter.KEYWORD_ONLY,
        positional_only=parameter.kind is parameter.POSITIONAL_ONLY,
        default=parameter.default,
    )


def _item(name: str, served: Served, returned: Any) -> Any:
    if returned is Any:
        return Any
    origin = typing.get_origin(returned) or returned
    if origin not in _STREAMS:
        raise refuse(
            name, served.function, f"it yields, so annotate it -> AsyncIterator[...], not {type_name(returned)}"
        )
    arguments = typing.get_args(returned)
    return arguments[0] if arguments else Any


def _decodable(name: str, served: Served, what: str, hint: Any) -> Any:
    try:
        return decodable(hint)
    except Unfit as unfit:
        raise _refused(name, served, what, unfit) from unfit


def _raises(name: str, served: Served) -> tuple[type[ServiceError], ...]:
    declared = tuple(getattr(_options(served), "raises", ()) or ())
    for error in declared:
        if not (isinstance(error, type) and issubclass(error, ServiceError)):
            raise refuse(name, served.function, f"raises= takes subclasses of ServiceError, got {error!r}")
    return declared


def _options(served: Served) -> Any:
    return getattr(served.function, "__homeport_method__", None)


# -- describing it -----------------------------------------------------------------------------------------------------


def _schemas(cls: type, typed: list[_Typed]) -> Schemas:
    try:
        return Schemas(of for method in typed for _, of in method.types)
    except Unfit:
        pass
    # Slower, one by one: to say whose fault it is.
    for method in typed:
        for what, of in method.types:
            try:
                Schemas([of])
            except Unfit as unfit:
                raise _refused(f"{cls.__qualname__}.{method.served.name}", method.served, what, unfit) from unfit
    raise AssertionError("types that are fit one by one are fit together")


def _refused(name: str, served: Served, what: str, unfit: Unfit) -> DefinitionError:
    path = f" at ${unfit.path}" if unfit.path else ""
    return refuse(name, served.function, f"{what}{path}: {unfit.why}")


def _method_contract(typed: _Typed, schemas: list[dict[str, Any]]) -> MethodContract:
    options = _options(typed.served)
    count = len(typed.parameters.all)
    route_by = getattr(options, "route_by", None) or ""
    if route_by and route_by not in typed.parameters.by_name:
        known = ", ".join(typed.parameters.by_name) or "none"
        raise refuse(
            typed.served.function.__qualname__,
            typed.served.function,
            f"route_by={route_by!r} is no parameter of it (it has {known})",
        )
    return MethodContract(
        name=typed.served.name,
        parameters=tuple(
            Parameter(
                name=parameter.name,
                schema=schema if parameter.required else with_default(schema, parameter.default),
                required=parameter.required,
                keyword_only=parameter.keyword_only,
            )
            for parameter, schema in zip(typed.parameters.all, schemas[:count], strict=True)
        ),
        result=schemas[count],
        streams=typed.streams,
        timeout=getattr(options, "timeout", None),
        idempotent=bool(getattr(options, "idempotent", False)),
        route_by=route_by,
        raises=tuple(
            ErrorContract(code=error.code, key=error_key(error), status=error.status, schema=schema)
            for error, schema in zip(typed.raises, schemas[count + 1 :], strict=True)
        ),
        public=bool(getattr(options, "public", False)),
        doc=inspect.getdoc(typed.served.function) or "",
    )


def _contract(cls: type, service: str, methods: tuple[MethodContract, ...], schemas: Schemas) -> Contract:
    contract = Contract(
        service=service,
        methods=methods,
        definitions=dict(sorted(schemas.definitions.items())),
        public=bool(getattr(getattr(cls, "__homeport_service__", None), "public", False)),
        asgi=hasattr(cls, "asgi"),
        doc=inspect.cleandoc(cls.__doc__ or ""),
    )
    return msgspec.structs.replace(contract, fingerprint=fingerprint(contract))


def _signature(typed: _Typed, contract: MethodContract) -> MethodSignature:
    return MethodSignature(
        name=contract.name,
        contract=contract,
        streams=typed.streams,
        threaded=threaded(typed.served.function),
        shown=typed.parameters.shown,
        decode_arguments=argument_decoder(typed.parameters),
        encode_arguments=argument_encoder(typed.parameters),
        encode_result=result_encoder(typed.method),
        decode_result=result_decoder(typed.method, typed.result, f"-> {type_name(typed.result)}"),
    )
