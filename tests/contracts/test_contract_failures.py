"""A declared error arrives as its own class where the caller has it, and loses nothing where it has not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import contract_shapes as s
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.contracts import plain
from homeport.contracts.failures import decode_service_error, encode_service_error
from homeport.errors import BadArguments, BadResult, ProtocolError, ServiceError


class CardDeclined(ServiceError, status=402):
    reason: str
    at: datetime
    item: s.Item | None = None


NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
DECLINED = CardDeclined(reason="limit", at=NOON, item=s.Item("tea", 1.0))


@pytest.mark.parametrize("json", [False, True])
def test_an_error_arrives_as_its_class_with_typed_fields(json: bool) -> None:
    error = decode_service_error(encode_service_error(DECLINED, json), json)
    assert type(error) is CardDeclined
    assert error.fields == DECLINED.fields
    assert error.at == NOON
    assert error.status == 402


@pytest.mark.parametrize("json", [False, True])
def test_a_caller_without_the_class_gets_code_status_and_plain_fields(json: bool) -> None:
    module = msgspec.json if json else msgspec.msgpack
    body = module.encode({"key": "far:Away", "code": "away", "status": 410, "fields": {"until": "May"}})
    error = decode_service_error(body, json)
    assert type(error) is ServiceError
    assert (error.code, error.status, error.fields) == ("away", 410, {"until": "May"})
    again = decode_service_error(encode_service_error(error))
    assert (again.code, again.status, again.fields) == (error.code, error.status, error.fields)


@pytest.mark.parametrize("fields", [{"reason": 5, "at": NOON}, {"reason": "x"}, {}])
def test_fields_of_another_version_of_the_class_arrive_plain(fields: dict[str, Any]) -> None:
    key = f"{__name__}:CardDeclined"
    body = msgspec.msgpack.encode({"key": key, "code": "card_declined", "status": 402, "fields": fields})
    error = decode_service_error(body)
    assert type(error) is ServiceError
    assert error.code == "card_declined"
    assert error.fields == fields


def test_an_error_that_carries_what_cannot_travel_says_so() -> None:
    with pytest.raises(BadResult, match=r"the error CardDeclined carries what cannot be sent: \$\['reason'\]: Plain"):
        encode_service_error(CardDeclined(reason=s.Plain(), at=NOON))  # type: ignore[arg-type]


@given(st.binary(max_size=80), st.booleans())
def test_hostile_bytes_are_a_protocol_error(body: bytes, json: bool) -> None:
    with pytest.raises(ProtocolError):
        decode_service_error(body, json)
    try:
        plain.decode(body, json)
    except ProtocolError:
        pass


def test_plain_values_of_every_kind_can_be_sent_without_types() -> None:
    value = {"at": NOON, "point": s.Point(1.0), "user": s.Cat(9), "color": s.Color.RED}
    assert plain.decode(plain.encode(value)) == {
        "at": NOON,
        "point": {"x": 1.0, "y": 0.0},
        "user": {"lives": 9},
        "color": "red",
    }
    assert plain.decode(plain.encode(value, json=True), json=True)["at"] == "2024-01-01T12:00:00Z"
    with pytest.raises(BadArguments, match=r"cannot be sent: \$\[0\]: Plain"):
        plain.encode([s.Plain()])
