"""Declared checks: what they look at follows from the declaration and the endpoints, or is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.health.targets import (
    CommandTarget,
    GrpcTarget,
    HttpTarget,
    TcpTarget,
    TtlTarget,
    missing_text,
    passes,
    shown,
    target_of,
)
from homeport.model import Check

HTTP = ("http://legacy.example:9000/base/",)
TCP = ("unix:/run/x", "tcp://10.0.0.1:5432")


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("", "http://legacy.example:9000/base/"),
        ("/health", "http://legacy.example:9000/base/health"),
        ("https://other.example/up?deep=1", "https://other.example/up?deep=1"),
    ],
)
def test_an_http_check_takes_a_path_or_a_url(target: str, url: str) -> None:
    found = target_of(Check(kind="http", target=target), HTTP)
    assert isinstance(found, HttpTarget)
    assert found.url == url


@pytest.mark.parametrize(
    ("check", "endpoints", "found"),
    [
        (Check(kind="tcp"), TCP, TcpTarget("10.0.0.1", 5432)),
        (Check(kind="tcp"), HTTP, TcpTarget("legacy.example", 9000)),
        (Check(kind="tcp"), ("https://legacy.example",), TcpTarget("legacy.example", 443)),
        (Check(kind="tcp", target="[::1]:80"), (), TcpTarget("::1", 80)),
        (Check(kind="grpc"), TCP, GrpcTarget("10.0.0.1", 5432, "", False)),
        (Check(kind="grpc", target="/shop.Cart"), TCP, GrpcTarget("10.0.0.1", 5432, "shop.Cart", False)),
        (Check(kind="grpc", target="grpcs://g:1/shop.Cart"), (), GrpcTarget("g", 1, "shop.Cart", True)),
        (Check(kind="ttl", interval=5.0), (), TtlTarget(5.0)),
        (Check(kind="command", arguments=("/bin/true", "-x")), (), CommandTarget(("/bin/true", "-x"))),
    ],
)
def test_other_checks_take_an_address_or_the_first_endpoint_that_has_one(
    check: Check, endpoints: tuple[str, ...], found: object
) -> None:
    assert target_of(check, endpoints) == found


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (Check(kind="ping"), "kind: 'ping' is none of http, tcp, grpc, ttl, command"),
        (Check(kind="http"), r"target: give a URL"),
        (Check(kind="http", target="health"), "target: 'health' is neither a path"),
        (Check(kind="http", target="http://"), "target: 'http://' names no host"),
        (Check(kind="http", target="http://u:p@h/"), "target: leave user and password out"),
        (Check(kind="http", target="http://h:99999/"), "target: 'http://h:99999/' cannot be read"),
        (Check(kind="http", target="http://h/", method="DELETE"), "method: 'DELETE' is none of GET, HEAD, OPTIONS"),
        (Check(kind="http", target="http://h/", status="2xx"), "status: '2xx' must be codes and ranges"),
        (Check(kind="http", target="http://h/", status="299-200"), "status:"),
        (Check(kind="http", target="http://h/", headers={"a b": "c"}), "headers: 'a b'"),
        (Check(kind="http", target="http://h/", headers={"X-A": "b\r\nX-C: d"}), "headers: 'X-A'"),
        (Check(kind="http", target="http://h/", headers={"Transfer-Encoding": "chunked"}), "headers:"),
        (Check(kind="tcp"), "target: give host:port"),
        (Check(kind="tcp", target="10.0.0.1"), "target: '10.0.0.1' is not host:port"),
        (Check(kind="tcp", target="h:1/x"), "target: 'h:1/x' is not host:port"),
        (Check(kind="grpc", target="h:1/a b"), "target: 'a b' is no name of a gRPC service"),
        (Check(kind="command"), "arguments: name the program"),
        (Check(kind="ttl", interval=0.0), "interval: 0.0 is not between 0.1 and 604800 seconds"),
        (Check(kind="ttl", interval=float("nan")), "interval:"),
        (Check(kind="ttl", timeout=float("inf")), "timeout:"),
        (Check(kind="ttl", jitter=0.9), "jitter: 0.9 is not a share between 0 and 0.5"),
        (Check(kind="ttl", failures=0), "failures: 0 is not between 1 and 100"),
        (Check(kind="ttl", successes=101), "successes:"),
        (Check(kind="ttl", interval=60.0, deregister_after=30.0), "deregister_after: 30.0 is less than the interval"),
    ],
)
def test_a_declaration_that_cannot_be_carried_out_is_refused_by_its_field(check: Check, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{message}" if not message.startswith("r") else message):
        target_of(check, ())


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(["http", "tcp", "grpc"]))
def test_no_text_makes_it_fail_in_another_way(target: str, endpoint: str, kind: str) -> None:
    for endpoints in ((endpoint,), (f"http://{endpoint}",), (f"tcp://{endpoint}",)):
        refused = ""
        try:
            target_of(Check(kind=kind, target=target), endpoints)
        except ValueError as error:
            refused = str(error)
        assert refused.partition(":")[0] in ("", "target")


def test_what_is_shown_of_a_target_has_no_query_and_no_headers() -> None:
    check = Check(kind="http", target="http://h:1/up?token=x", headers={"Authorization": "secret"})
    assert shown(target_of(check, ())) == "GET http://h:1/up"


def test_statuses_are_codes_and_ranges() -> None:
    found = target_of(Check(kind="http", target="http://h/", status="200-204, 304"), ())
    assert isinstance(found, HttpTarget)
    assert [code for code in range(100, 600) if passes(found.statuses, code)] == [200, 201, 202, 203, 204, 304]


def test_the_body_must_contain_all_texts_in_order() -> None:
    assert missing_text(('"status"', '"ok"'), '{"status": "ok"}') == ""
    assert missing_text(('"ok"', '"status"'), '{"status": "ok"}') == '"status"'
    assert missing_text(("aa", "aa"), "aaa") == "aa"
    assert missing_text((), "") == ""
