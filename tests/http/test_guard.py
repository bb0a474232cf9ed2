from __future__ import annotations

import pytest

from homeport.errors import UsageError
from homeport.http.api import FrontSpec
from homeport.http.guard import Guard, host_name
from homeport.http.listener import listener_of, require_closed, url_of
from tests.http.fakes import World

LOCAL = FrontSpec(node="unix:/none", allowed_hosts=("shop.example.com", ".example.org", "localhost:5173"))
OPEN = FrontSpec(node="unix:/none", host="0.0.0.0", public_only=True, token="s3cret")


def verdict(spec: FrontSpec, host: str, origin: str | None = None) -> str:
    headers = {b"host": host.encode()}
    if origin is not None:
        headers[b"origin"] = origin.encode()
    refusal = Guard(spec).check(headers)
    return refusal.problem.code if refusal else "welcome"


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "localhost:7070", "LOCALHOST:7070", "localhost.:7070", "127.0.0.1:7070", "[::1]:7070", "[::1]"),
        *("shop.example.com:80", "a.example.org"),
    ],
)
def test_loopback_and_configured_names_are_welcome(host: str) -> None:
    assert verdict(LOCAL, host) == "welcome"


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "localhost.evil.example", "evil.localhost:7070", "127.0.0.1.nip.io", "localhost:x"),
        *("[::1", "[::1]x", "::1", "192.168.1.5:7070", "example.org", "xexample.org", "shop.example.com.evil.example"),
    ],
)
def test_a_name_that_was_rebound_to_loopback_is_not(host: str) -> None:
    assert verdict(LOCAL, host) == "foreign_host"


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (None, "welcome"),
        ("http://localhost:7070", "welcome"),
        ("https://shop.example.com", "welcome"),
        ("http://localhost:5173", "welcome"),
        ("http://localhost:3000", "foreign_origin"),
        ("http://127.0.0.1:7070", "foreign_origin"),
        ("https://evil.example", "foreign_origin"),
        ("null", "foreign_origin"),
        ("", "foreign_origin"),
        ("http://[", "foreign_origin"),
        ("http://localhost:7070.evil.example", "foreign_origin"),
        ("http://localhost:7070@evil.example", "foreign_origin"),
    ],
)
def test_only_pages_of_the_same_origin_may_call(origin: str | None, told: str) -> None:
    assert verdict(LOCAL, "localhost:7070", origin) == told


def test_on_an_open_bind_addresses_are_welcome_but_unknown_names_are_not() -> None:
    assert verdict(OPEN, "192.168.1.5:7070") == "welcome"
    assert verdict(OPEN, "[fe80::1]:7070") == "welcome"
    assert verdict(OPEN, "evil.example") == "foreign_host"


def test_an_open_bind_without_a_token_lets_nobody_in() -> None:
    guard = Guard(FrontSpec(node="", public_only=True))
    assert guard.authenticate({}) is not None
    assert guard.authenticate({b"authorization": b"Bearer "}) is not None


def test_host_names_are_told_apart_from_ports() -> None:
    assert [host_name(one) for one in ("a:1", "[::1]:1", "a", "a:b", "[x]y")] == ["a", "::1", "a", "", ""]


async def test_a_foreign_page_gets_a_problem_from_every_route() -> None:
    world = World()
    for path in ("/", "/api/v1/services", "/api/v1/watch", "/apps/shop/", "/healthz", "/openapi.json"):
        answer = await world.ask("GET", path, headers={"origin": "https://evil.example"})
        assert (path, answer.status, answer.json["code"]) == (path, 403, "foreign_origin")


async def test_probes_need_no_token_and_are_told_no_details() -> None:
    world = World(public_only=True, token="s3cret")
    assert (await world.ask("GET", "/healthz")).status == 200
    answer = await world.ask("GET", "/readyz")
    assert (answer.status, answer.json["problems"]) == (503, [])
    assert (await world.ask("GET", "/api/v1/services")).status == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::"])
def test_an_address_that_others_reach_is_refused_without_a_token(host: str) -> None:
    with pytest.raises(UsageError, match="without a token; set one"):
        require_closed(FrontSpec(node=""), host)
    require_closed(FrontSpec(node="", token="s3cret", public_only=True), host)


def test_a_port_in_use_is_refused_by_name() -> None:
    first = listener_of(FrontSpec(node="", port=0))
    try:
        first.listen()
        port = first.getsockname()[1]
        assert url_of(FrontSpec(node=""), first) == f"http://127.0.0.1:{port}"
        with pytest.raises(UsageError, match=rf"port {port} on 127.0.0.1 cannot be used: Address already in use"):
            listener_of(FrontSpec(node="", port=port))
    finally:
        first.close()


def test_a_descriptor_that_is_no_socket_is_refused() -> None:
    with pytest.raises(UsageError, match="descriptor 9999 is no socket"):
        listener_of(FrontSpec(node="", fd=9999))
