"""Asks a gRPC server by the health protocol, version 1."""

from __future__ import annotations

import ipaddress
from importlib.util import find_spec
from typing import Any

from homeport.health.addresses import Unreachable, addresses
from homeport.health.allowed import Allowed
from homeport.health.checks import Failed, Passed, Result
from homeport.health.targets import GrpcTarget, shown

_CHECK = "/grpc.health.v1.Health/Check"
_STATUS = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


async def probe_grpc(target: GrpcTarget, allowed: Allowed, timeout: float) -> Result:
    """Passes when the server says that it serves; needs the extra ``homeport[grpc]``.

    Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
    """
    if find_spec("grpc") is None:
        return Failed("gRPC checks need grpcio on the node: pip install 'homeport[grpc]'")
    import grpc.aio  # type: ignore[import-untyped]

    unavailable: Any = None
    try:
        for address in await addresses(target.host, target.port, allowed):
            try:
                return await _ask(target, address, timeout)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    return _failed(target, error)
                unavailable = error
    except Unreachable as error:
        return Failed(f"{shown(target)}: {error}")
    return _failed(target, unavailable)


async def _ask(target: GrpcTarget, address: str, timeout: float) -> Result:
    async with _channel(target, address) as channel:
        ask = channel.unary_unary(_CHECK, request_serializer=_request, response_deserializer=_status)
        status = await ask(target.service, timeout=timeout)
    name = _STATUS[status] if 0 <= status < len(_STATUS) else str(status)
    return Passed(f"{shown(target)} is serving") if name == "SERVING" else Failed(f"{shown(target)} says {name}")


def _channel(target: GrpcTarget, address: str) -> Any:
    import grpc

    version = ipaddress.ip_address(address).version
    where = f"ipv{version}:{f'[{address}]' if version == 6 else address}:{target.port}"
    options = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),  # or a look would reuse the connection of the one before
        ("grpc.default_authority", target.host),
        ("grpc.max_receive_message_length", 1024),
    ]
    if target.tls:
        return grpc.aio.secure_channel(where, grpc.ssl_channel_credentials(), options=options)
    return grpc.aio.insecure_channel(where, options=options)


def _failed(target: GrpcTarget, error: Any) -> Failed:
    import grpc

    code, details = error.code(), str(error.details() or "")[:300]
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return Failed(f"{shown(target)}: the server does not have the health protocol; use a tcp check")
    if code is grpc.StatusCode.NOT_FOUND:
        return Failed(f"{shown(target)}: the server knows no service {target.service!r}")
    refused = code is grpc.StatusCode.UNAVAILABLE and "refused" in details.lower()
    return Failed(f"{shown(target)}: {'connection refused' if refused else f'{code.name}: {details}'}", refused)


def _request(service: str) -> bytes:
    """``HealthCheckRequest { string service = 1 }`` in the wire format of protocol buffers."""
    name = service.encode()
    return b"\x0a" + _varint(len(name)) + name if name else b""


def _status(body: bytes) -> int:
    """``HealthCheckResponse { ServingStatus status = 1 }``; fields of later versions are passed over."""
    status, position = 0, 0
    while position < len(body):
        key, position = _read_varint(body, position)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, position = _read_varint(body, position)
            status = value if field == 1 else status
        elif kind == _BYTES:
            length, position = _read_varint(body, position)
            position += length
        elif kind in (_FIXED64, _FIXED32):
            position += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"the answer to a health check has a field of unknown kind {kind}")
    return status


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _read_varint(body: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while position < len(body):
        byte = body[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
        shift += 7
    raise ValueError("the answer to a health check is cut off")
