from __future__ import annotations

import json

import pytest

from homeport.errors import NotSent
from tests.http.contracts import PAYMENTS
from tests.http.fakes import World, instance

LEGACY = b'{"service": "legacy", "endpoints": ["http://127.0.0.1:9000"], "tags": ["old"]}'


@pytest.fixture
def world() -> World:
    world = World()
    world.serve(PAYMENTS)
    return world


async def test_services_are_listed(world: World) -> None:
    answer = await world.ask("GET", "/api/v1/services")
    assert [service["name"] for service in answer.json] == ["payments"]
    assert answer.headers["homeport-completeness"] == "complete"


async def test_one_service_comes_with_its_instances_and_contract(world: World) -> None:
    detail = (await world.ask("GET", "/api/v1/services/payments")).json
    assert [one["id"] for one in detail["instances"]] == ["payments-1"]
    assert [method["name"] for method in detail["contract"]["methods"]] == ["process", "ticks", "rate"]


async def test_an_unknown_service_is_answered_with_the_near_name(world: World) -> None:
    answer = await world.ask("GET", "/api/v1/services/payment")
    assert (answer.status, answer.json["next"]) == (404, "did you mean 'payments'?")


async def test_instances_are_listed_at_a_revision(world: World) -> None:
    listed = (await world.ask("GET", "/api/v1/instances?service=payments")).json
    assert (listed["revision"], listed["completeness"]) == (1, "complete")
    assert [one["id"] for one in listed["instances"]] == ["payments-1"]


async def test_instances_of_an_unknown_service_are_not_an_empty_list(world: World) -> None:
    assert (await world.ask("GET", "/api/v1/instances?service=paymens")).status == 404


async def test_while_the_node_is_away_reads_come_from_the_own_copy_and_say_so(world: World) -> None:
    world.registry.down = NotSent("the node process does not answer")
    listed = (await world.ask("GET", "/api/v1/instances")).json
    assert (listed["completeness"], [one["id"] for one in listed["instances"]]) == ("partial", ["payments-1"])
    assert (await world.ask("GET", "/api/v1/instances/payments-1")).status == 200
    assert (await world.ask("GET", "/api/v1/services")).status == 503


async def test_while_the_node_is_away_no_question_that_only_it_answers_is_the_next_step(world: World) -> None:
    world.registry.down = NotSent("the node process does not answer")
    for path in ("/api/v1/why/payments", "/api/v1/services/payments"):
        assert (await world.ask("GET", path)).json["next"] == "homeport doctor"


async def test_an_outside_program_registers_beats_and_leaves(world: World) -> None:
    put = await world.ask("PUT", "/api/v1/instances/legacy-1", LEGACY)
    assert (put.status, put.json["durability"]) == (200, "synced")
    assert (await world.ask("PUT", "/api/v1/instances/legacy-1/heartbeat")).json == {"known": True}
    assert (await world.ask("GET", "/api/v1/instances/legacy-1")).json["service"] == "legacy"
    assert (await world.ask("DELETE", "/api/v1/instances/legacy-1?reason=moved")).status == 200
    answer = await world.ask("PUT", "/api/v1/instances/legacy-1/heartbeat")
    assert (answer.status, answer.json["next"]) == (404, "register it again: PUT /api/v1/instances/legacy-1")


async def test_a_heartbeat_needs_neither_body_nor_type(world: World) -> None:
    answer = await world.ask("PUT", "/api/v1/instances/payments-1/heartbeat", headers={"content-type": ""})
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/api/v1/instances/legacy-1", "/api/v1/instances/payments-1/heartbeat"])
async def test_put_takes_json_only(world: World, path: str) -> None:
    assert (await world.ask("PUT", path, LEGACY, {"content-type": "text/plain"})).status == 415


async def test_a_name_of_the_application_cannot_be_taken(world: World) -> None:
    body = json.dumps({"service": "payments", "endpoints": ["http://127.0.0.1:9000"]}).encode()
    answer = await world.ask("PUT", "/api/v1/instances/evil-1", body)
    assert (answer.status, answer.json["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[1]", "$: expected an object with service, endpoints"),
        (b'{"id": "other", "service": "a", "endpoints": []}', "$.id: expected 'legacy-1' as in the path, got 'other'"),
        (b'{"endpoints": []}', "missing required field `service`"),
        (b'{"service": "a", "endpoints": ["x"], "wieght": 2}', "$.wieght: an instance has no such field; did you mean"),
        (b'{"service": "a", "endpoints": ["x"], "zzz": 2}', "$.zzz: an instance has no such field; it may have"),
        (b'{"service": "a", "endpoints": ["x"], "weight": "b"}', "$.weight: expected `float`, got `str`"),
        (b'{"service": "a", "endpoints": [1]}', "$.endpoints[0]: expected `str`, got `int`"),
    ],
)
async def test_a_registration_that_does_not_fit_is_refused_by_name(world: World, body: bytes, detail: str) -> None:
    answer = await world.ask("PUT", "/api/v1/instances/legacy-1", body)
    assert answer.status == 422
    assert detail in answer.json["detail"]


async def test_an_unknown_instance_is_answered_with_the_near_id(world: World) -> None:
    for method in ("GET", "DELETE"):
        answer = await world.ask(method, "/api/v1/instances/payment-1")
        assert (answer.status, answer.json["next"]) == (404, "did you mean 'payments-1'?")


async def test_why_tells_the_story(world: World) -> None:
    story = (await world.ask("GET", "/api/v1/why/payments")).json
    assert story["summary"] == "payments is active"
    assert (await world.ask("GET", "/api/v1/why/nobody")).status == 404


async def test_what_is_not_there_is_a_problem_too(world: World) -> None:
    answer = await world.ask("GET", "/api/v2/services")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    answer = await world.ask("DELETE", "/api/v1/services")
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] in ("GET, HEAD", "HEAD, GET")


async def test_pages_come_whole_from_the_package(world: World) -> None:
    for path in ("/", "/docs"):
        page = await world.ask("GET", path)
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert b"http://" not in page.body
        assert b"https://" not in page.body
    for name in ("homeport.css", "landing.js", "docs.js", "shapes.js", "page.js", "icon.svg"):
        assert (await world.ask("GET", f"/assets/{name}")).status == 200
    for name in ("nothing.js", "..%2Fapp.py", "__init__.py"):
        assert (await world.ask("GET", f"/assets/{name}")).status == 404


async def test_the_answers_of_a_proxied_instance_list_survive_odd_metadata(world: World) -> None:
    world.registry.add(instance("odd-1", "odd", metadata={"é": "\u2028"}))
    assert (await world.ask("GET", "/api/v1/instances?service=odd")).status == 200
