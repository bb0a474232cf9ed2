"""Whatever is sent, the answer is a result or a problem that says what is wrong; never a bare failure."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.http.problems import encode_problem, problem
from homeport.http.tracing import trace_of
from tests.http.contracts import PAYMENTS
from tests.http.fakes import Answer, World

HEADERS = st.dictionaries(
    st.sampled_from(
        [
            *("content-type", "homeport-timeout", "traceparent", "accept", "content-length", "x-tenant"),
            *("authorization", "last-event-id", "upgrade", "transfer-encoding"),
        ]
    ),
    st.text(st.characters(max_codepoint=255), max_size=40),
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"])
PATHS = st.one_of(
    st.sampled_from(
        [
            *("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/api/v1/services", "/api/v1/instances"),
            *("/api/v1/instances/a", "/api/v1/instances/a/heartbeat", "/api/v1/why/payments", "/apps/payments/"),
        ]
    ),
    st.text(max_size=30).map(lambda text: f"/api/v1/call/payments/{text}"),
    st.text(max_size=30).map(lambda text: f"/{text}"),
)


async def process(body: bytes) -> Any:
    return json.loads(body)


async def ask(method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    world = World(allow_metadata=("x-tenant",))
    world.serve(PAYMENTS, process=process)
    return await world.ask(method, path, body, headers)


@settings(max_examples=150, deadline=None)
@given(METHODS, PATHS, st.binary(max_size=200), HEADERS, st.text(max_size=20))
def test_every_failure_is_a_problem(method: str, path: str, body: bytes, headers: dict[str, str], query: str) -> None:
    answer = asyncio.run(ask(method, f"{quote(path)}?{quote(query)}", body, headers))
    if answer.status >= 400 and not path.startswith("/readyz"):
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json
        assert (told["status"], bool(told["title"]), bool(told["code"])) == (answer.status, True, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_registration_is_taken_or_refused_as_arguments_that_do_not_fit(body: bytes) -> None:
    answer = asyncio.run(ask("PUT", "/api/v1/instances/a", body, {}))
    assert answer.status in (200, 422)


@given(st.binary(max_size=80))
def test_any_trace_header_gives_a_trace_that_can_be_sent_on(header: bytes) -> None:
    trace = trace_of(header)
    assert trace_of(trace.header).trace == trace.trace


@given(st.dictionaries(st.text(), st.just(object()) | JSON, max_size=3))
def test_a_problem_with_any_fields_can_be_told(fields: dict[str, Any]) -> None:
    assert json.loads(encode_problem(problem(400, "odd", "", fields=fields)))["code"] == "odd"
