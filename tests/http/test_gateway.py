from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from homeport.errors import (
    BadArguments,
    ConnectionLost,
    DeadlineExceeded,
    Draining,
    NoEndpoint,
    NotSent,
    Overloaded,
    ProtocolError,
    RemoteError,
    ServiceError,
)
from homeport.http import exchange as exchange_module
from tests.http.contracts import PAYMENTS
from tests.http.fakes import World


class CardDeclined(ServiceError, status=402):
    reason: str


@pytest.fixture
def world() -> World:
    world = World(allow_metadata=("X-Tenant",))
    world.serve(PAYMENTS, process=echo, ticks=ticks)
    return world


async def echo(body: bytes) -> Any:
    return json.loads(body)


async def ticks(body: bytes) -> AsyncIterator[int]:
    for number in range(json.loads(body)["count"]):
        yield number


async def test_the_body_reaches_the_method_untouched_and_the_result_is_bare_json(world: World) -> None:
    body = b'{ "payment" : {"card":"1"} }'
    answer = await world.call("payments", "process", body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json == {"payment": {"card": "1"}}
    assert world.client.bodies == [body]


async def test_an_empty_body_is_no_arguments(world: World) -> None:
    assert (await world.call("payments", "process")).json == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (CardDeclined(reason="expired"), 402, "card_declined"),
        (BadArguments("$.payment: expected object, got int"), 422, "bad_arguments"),
        (NoEndpoint("payments", 2), 503, "no_endpoint"),
        (Overloaded("payments-1 admits 10 calls"), 503, "overloaded"),
        (Draining("payments-1 is leaving"), 503, "draining"),
        (NotSent("cannot connect"), 503, "not_sent"),
        (ConnectionLost("the connection broke"), 502, "connection_lost"),
        (DeadlineExceeded("too late"), 504, "deadline_exceeded"),
        (ProtocolError("a broken frame"), 502, "protocol_error"),
        (RemoteError("payments", "process", "KeyError", "secret-id"), 500, "remote_error"),
        (ZeroDivisionError("secret-id"), 500, "internal"),
    ],
)
async def test_every_error_is_a_problem_with_its_own_status(
    world: World, error: Exception, status: int, code: str
) -> None:
    async def fail(body: bytes) -> None:
        raise error

    world.client.methods["payments", "process"] = fail
    answer = await world.call("payments", "process", b"[]")
    assert (answer.status, answer.json["status"], answer.json["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("retry-after" in answer.headers) is (status == 503)


async def test_a_declared_error_carries_its_fields(world: World) -> None:
    async def decline(body: bytes) -> None:
        raise CardDeclined(reason="expired")

    world.client.methods["payments", "process"] = decline
    problem = (await world.call("payments", "process", b"[]")).json
    assert problem["fields"] == {"reason": "expired"}
    assert problem["title"] == "Card declined"
    assert problem["type"] == "urn:homeport:error:card-declined"


async def test_what_an_undeclared_exception_says_stays_inside_but_its_trace_can_be_found(world: World) -> None:
    async def fail(body: bytes) -> None:
        raise RemoteError("payments", "process", "KeyError", "secret-id", "Traceback: secret-id")

    world.client.methods["payments", "process"] = fail
    answer = await world.call("payments", "process", b"[]", traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    assert b"secret-id" not in answer.body
    assert "ab" * 16 in answer.json["detail"]
    assert answer.json["next"] == "homeport logs payments"


async def test_a_refused_call_is_answered_with_the_command_that_fits(world: World) -> None:
    async def refuse(body: bytes) -> None:
        raise BadArguments("missing argument 'payment'")

    world.client.methods["payments", "process"] = refuse
    problem = (await world.call("payments", "process", b"{}")).json
    assert problem["next"] == (
        "try: curl http://localhost:7070/api/v1/call/payments/process -H 'content-type: application/json' "
        """-d '{"payment": {"card": "text", "amount": 1.5}}'"""
    )


async def test_a_misspelt_service_is_answered_with_the_near_name(world: World) -> None:
    answer = await world.call("paymets", "process", b"[]")
    assert (answer.status, answer.json["next"]) == (404, "did you mean 'payments'?")


async def test_an_unknown_method_is_answered_with_those_there_are(world: World) -> None:
    answer = await world.call("payments", "procces", b"[]")
    assert answer.status == 404
    assert "did you mean 'process'" in answer.json["detail"]


@pytest.mark.parametrize("path", ["payments", "payments/", "/process", "payments/process/more"])
async def test_a_path_that_names_no_method_is_not_found(world: World, path: str) -> None:
    answer = await world.ask("POST", f"/api/v1/call/{path}", b"[]")
    assert (answer.status, answer.json["next"]) == (404, "POST /api/v1/call/SERVICE/METHOD")


async def test_a_method_is_called_with_post_only(world: World) -> None:
    answer = await world.ask("GET", "/api/v1/call/payments/process")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(("given", "seconds"), [("5", 5.0), ("250ms", 0.25), ("2m", 120.0)])
async def test_the_timeout_header_becomes_the_deadline(world: World, given: str, seconds: float) -> None:
    await world.call("payments", "process", b"[]", homeport_timeout=given)
    assert world.client.timeouts == [seconds]


@pytest.mark.parametrize("given", ["soon", "-1", "0", "nan"])
async def test_a_timeout_that_is_none_is_refused_before_the_call(world: World, given: str) -> None:
    answer = await world.call("payments", "process", b"[]", homeport_timeout=given)
    assert (answer.status, answer.json["code"]) == (400, "bad_timeout")
    assert world.client.bodies == []


async def test_the_callers_trace_goes_on_and_comes_back(world: World) -> None:
    answer = await world.call("payments", "process", b"[]", traceparent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    context = world.client.contexts[0]
    assert context is not None
    assert context.trace_id == "ab" * 16
    assert answer.headers["traceparent"] == f"00-{'ab' * 16}-{context.span_id}-01"


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{'00' * 16}-{'cd' * 8}-01", f"ff-{'ab' * 16}-{'cd' * 8}-01"])
async def test_a_broken_trace_header_begins_a_new_trace(world: World, given: str) -> None:
    answer = await world.call("payments", "process", b"[]", traceparent=given)
    trace = answer.headers["traceparent"].split("-")[1]
    assert len(trace) == 32
    assert trace not in ("ab" * 16, "00" * 16)


async def test_only_allowed_headers_become_metadata(world: World) -> None:
    await world.call("payments", "process", b"[]", x_tenant="acme", x_other="no")
    context = world.client.contexts[0]
    assert context is not None
    assert dict(context.metadata) == {"x-tenant": "acme"}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_what_a_foreign_page_could_send_is_refused(world: World, content_type: str) -> None:
    answer = await world.call("payments", "process", b"[]", content_type=content_type)
    assert (answer.status, answer.json["code"]) == (415, "not_json")
    assert world.client.bodies == []


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/ld+json"])
async def test_json_by_other_names_is_json(world: World, content_type: str) -> None:
    assert (await world.call("payments", "process", b"[]", content_type=content_type)).status == 200


async def test_an_oversize_body_is_refused_by_its_declared_length(world: World) -> None:
    answer = await world.call("payments", "process", b"[]", content_length=str(17 * 2**20))
    assert (answer.status, answer.headers["connection"]) == (413, "close")


async def test_an_oversize_body_is_refused_while_it_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module.Exchange.body, "__defaults__", (8,))
    answer = await world.call("payments", "process", b"[1,2,3,4,5]", content_length="", transfer_encoding="chunked")
    assert answer.status == 413


async def test_a_client_that_leaves_cancels_its_call(world: World) -> None:
    begun = asyncio.Event()

    async def never(body: bytes) -> None:
        begun.set()
        await asyncio.Event().wait()

    world.client.methods["payments", "process"] = never
    conversation = world.open("POST", "/api/v1/call/payments/process", b"[]")
    await begun.wait()
    conversation.leave()
    await conversation.task
    assert world.client.cancelled == ["payments.process"]


async def test_a_stream_is_lines_of_json_by_default(world: World) -> None:
    answer = await world.call("payments", "ticks", b'{"count": 3}')
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert answer.body == b"0\n1\n2\n"


async def test_a_stream_is_events_for_who_asks_for_them(world: World) -> None:
    answer = await world.call("payments", "ticks", b'{"count": 2}', accept="text/event-stream")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.body == b"data: 0\n\ndata: 1\n\nevent: end\ndata: {}\n\n"


async def test_an_empty_stream_is_an_empty_answer(world: World) -> None:
    answer = await world.call("payments", "ticks", b'{"count": 0}')
    assert (answer.status, answer.body) == (200, b"")


async def test_an_error_before_the_first_item_has_its_own_status(world: World) -> None:
    async def decline(body: bytes) -> AsyncIterator[int]:
        raise CardDeclined(reason="expired")
        yield 0

    world.client.methods["payments", "ticks"] = decline
    assert (await world.call("payments", "ticks", b"[1]")).status == 402


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream"])
async def test_an_error_after_the_first_item_is_the_last_word(world: World, accept: str) -> None:
    async def stumble(body: bytes) -> AsyncIterator[int]:
        yield 1
        raise CardDeclined(reason="expired")

    world.client.methods["payments", "ticks"] = stumble
    answer = await world.call("payments", "ticks", b"[1]", accept=accept)
    assert answer.status == 200
    if accept == "application/x-ndjson":
        first, last = answer.body.splitlines()
        assert (first, json.loads(last)["error"]["code"]) == (b"1", "card_declined")
    else:
        assert answer.body.startswith(b"data: 1\n\nevent: error\ndata: {")
        assert b'"code":"card_declined"' in answer.body


async def test_a_client_that_leaves_a_stream_cancels_what_produces_it(world: World) -> None:
    async def endless(body: bytes) -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()

    world.client.methods["payments", "ticks"] = endless
    conversation = world.open("POST", "/api/v1/call/payments/ticks", b"[1]")
    await conversation.begin()
    assert await conversation.part() == b"1\n"
    conversation.leave()
    await conversation.task
    assert world.client.cancelled == ["payments.ticks"]


async def test_a_method_that_the_watch_has_not_told_of_yet_is_looked_up(world: World) -> None:
    young = World()
    young.registry.known_contracts[PAYMENTS.fingerprint] = PAYMENTS
    young.registry.found.update(world.registry.found)
    young.client.methods["payments", "ticks"] = ticks
    assert (await young.call("payments", "ticks", b'{"count": 1}')).body == b"0\n"


class TestOnAnOpenBind:
    @pytest.fixture
    def world(self) -> World:
        world = World(public_only=True, token="s3cret", host="0.0.0.0")
        world.serve(PAYMENTS, process=echo, rate=echo)
        return world

    async def test_only_public_methods_answer(self, world: World) -> None:
        bearer = "Bearer s3cret"
        assert (await world.call("payments", "rate", b"[]", authorization=bearer)).status == 200
        answer = await world.call("payments", "process", b"[]", authorization=bearer)
        assert (answer.status, answer.json["code"]) == (403, "not_allowed")
        assert "@method(public=True)" in answer.json["detail"]

    @pytest.mark.parametrize("given", ["", "Bearer wrong", "Bearer", "s3cret", "Basic !!!", "Basic czpub3Bl"])
    async def test_without_the_token_nothing_is_told(self, world: World, given: str) -> None:
        answer = await world.call("payments", "rate", b"[]", authorization=given)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert world.client.bodies == []

    async def test_a_browser_may_send_the_token_as_a_password(self, world: World) -> None:
        answer = await world.ask("GET", "/", headers={"authorization": "Basic OnMzY3JldA=="})
        assert answer.status == 200

    async def test_an_unknown_name_tells_only_public_ones(self, world: World) -> None:
        answer = await world.call("payments", "proces", b"[]", authorization="Bearer s3cret")
        assert "process" not in answer.json["detail"].replace("'proces'", "")
