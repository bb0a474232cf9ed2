"""What the registry keeps in its store: keys, and the values under them."""

from __future__ import annotations

import msgspec

from homeport.balancing.policy import Policy
from homeport.contracts.api import Contract
from homeport.model import Cause, Dependency, Instance
from homeport.registry.store.port import Put

INSTANCE, OUTSIDE, CONTRACT, SESSION, WANTED = "instance/", "outside/", "contract/", "session/", "wanted/"
EJECTED = "ejected/"


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A worker, front or script that has a lease."""

    id: str
    worker: str
    kind: str
    pid: int
    release: str
    ttl: float
    opened: float  # wall-clock seconds


class OutsideRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that an outside program keeps alive; it has a lease of its own."""

    instance: Instance
    ttl: float | None  # None: until deleted


class WantedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How many instances somebody has asked for, in place of what the service's author wrote."""

    replicas: int
    cause: Cause


class DeclaredService(msgspec.Struct, frozen=True, kw_only=True):
    """A service that the application has, whether or not an instance of it runs."""

    name: str
    replicas: int = 1
    requires: tuple[Dependency, ...] = ()
    singleton: bool = False
    public: bool = False
    location: str = ""  # "boutique/cart.py:12"
    policy: Policy | None = None  # as the settings say


_encoder = msgspec.msgpack.Encoder()
decode_instance = msgspec.msgpack.Decoder(Instance).decode
decode_outside = msgspec.msgpack.Decoder(OutsideRecord).decode
decode_contract = msgspec.msgpack.Decoder(Contract).decode
decode_session = msgspec.msgpack.Decoder(SessionRecord).decode
decode_wanted = msgspec.msgpack.Decoder(WantedRecord).decode
decode_cause = msgspec.msgpack.Decoder(Cause).decode


def encode(value: Instance | OutsideRecord | Contract | SessionRecord | WantedRecord | Cause) -> bytes:
    return _encoder.encode(value)


def put_instance(instance: Instance) -> Put:
    return Put(INSTANCE + instance.id, encode(instance))


def put_outside(record: OutsideRecord) -> Put:
    return Put(OUTSIDE + record.instance.id, encode(record))


def put_contract(contract: Contract) -> Put:
    return Put(CONTRACT + contract.fingerprint, encode(contract))


def put_wanted(service: str, record: WantedRecord) -> Put:
    return Put(WANTED + service, encode(record))
