"""What each command prints, and with which code it ends."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from cli_fakes import NOW, PAYMENT_SUMMARY, Place, change, instance, status, worker

from homeport.build.packager.site import PackagingFailed
from homeport.cli.errors import explain
from homeport.errors import DeadlineExceeded, NoEndpoint, RemoteError, ServiceError
from homeport.model import Cause, State
from homeport.registry.api import WatchItem

if TYPE_CHECKING:
    from conftest import Homeport


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


# -- ps and services ---------------------------------------------------------------------------------------------------


def test_ps_shows_who_waits_for_whom(homeport: Homeport) -> None:
    ran = homeport("ps")
    assert ran.code == 0
    assert lines(ran.out) == [
        "shop · ready · http://127.0.0.1:7070 · up 1m 40s · pid 4100",
        "INSTANCE        STATE    FOR   PID  MEMORY  NOTE                   ENDPOINT",
        "cart-3f9c2a     ready     1m  4200   48 MB                         unix:/run/cart-3f9c2a.sock",
        "payment-77aa01  waiting   1m  4200   48 MB  waiting for: payments  unix:/run/payment-77aa01.sock",
    ]


def test_ps_lists_a_worker_that_never_came_to_register(homeport: Homeport, place: Place) -> None:
    cause = Cause(what="process exited", actor="supervisor", evidence="exit status 1\nImportError: no shop", at=NOW)
    broken = worker("ad-1", state="backing-off", pid=0, memory_bytes=0, restarts=3, retry_at=NOW + 4, cause=cause)
    place.client.node.present = status(workers=(broken,))
    assert (
        "ad-1            backing-off                    3  again in 4.0s: exit status 1: ImportError: no shop"
        in homeport("ps").out
    )


def test_ps_json_holds_the_node_and_its_instances(homeport: Homeport) -> None:
    value = homeport("ps", "--json").value
    assert value["node"]["name"] == "shop"
    assert [one["id"] for one in value["instances"]] == ["cart-3f9c2a", "payment-77aa01"]
    assert value["counters"]["cart-3f9c2a"]["calls"] == 7


def test_services_is_one_line_each(homeport: Homeport) -> None:
    assert lines(homeport("services").out) == [
        "SERVICE  STATE                        READY  METHODS  CALLS     ABOUT",
        "cart     active                         1/1        3            Holds what people want to buy.",
        "payment  down, waiting for: payments    0/1        1  payments",
    ]


def test_one_service_shows_its_methods_as_one_would_write_them(homeport: Homeport) -> None:
    out = homeport("services", "cart").out
    assert "  add(user_id: str, product_id: str, quantity: int = 1) -> list[Item]" in out
    assert "    may answer product_not_found" in out
    assert "  changes() -> stream of str" in out


def test_a_service_nobody_knows_ends_with_4_and_the_near_name(homeport: Homeport) -> None:
    ran = homeport("services", "paymet")
    assert ran.code == 4
    assert "no service 'paymet' is known here (did you mean 'payment'?)" in ran.err


# -- call --------------------------------------------------------------------------------------------------------------


def test_call_prints_the_bare_answer(homeport: Homeport, place: Place) -> None:
    ran = homeport("call", "cart.add", '{"user_id": "u", "product_id": "p"}', "--timeout", "500ms")
    assert ran == (0, '[{"product_id":"p","quantity":1}]\n', "")
    assert place.client.calls == [("cart", "add", b'{"user_id": "u", "product_id": "p"}', 0.5)]


def test_call_reads_stdin_at_a_dash(homeport: Homeport, place: Place) -> None:
    assert homeport("call", "cart.add", "-", stdin='["u", "p"]\n').code == 0
    assert place.client.calls[0][2] == b'["u", "p"]'


def test_call_prints_a_stream_one_item_a_line(homeport: Homeport) -> None:
    assert homeport("call", "cart.changes") == (0, '"one"\n"two"\n', "")


def test_arguments_that_do_not_fit_come_back_as_the_command_that_would(homeport: Homeport) -> None:
    ran = homeport("call", "cart.add", '{"user": "u1"}')
    assert ran.code == 2
    assert ran.out == ""
    assert lines(ran.err) == [
        "error: cart.add: missing user_id; it takes add(user_id: str, product_id: str)",
        """  try: homeport call cart.add '{"user_id": "u1", "product_id": "…", "quantity": 1}'""",
    ]


def test_a_program_gets_the_corrected_command_too(homeport: Homeport) -> None:
    problem = homeport("call", "cart.add", "[]", "--json").problem
    assert problem["type"] == "urn:homeport:error:bad-arguments"
    assert problem["fields"]["command"].startswith("homeport call cart.add '{")


def test_a_lone_value_is_wrapped_for_its_only_parameter(homeport: Homeport) -> None:
    ran = homeport("call", "cart.clear", '"u1"')
    assert ran.code == 2
    assert """homeport call cart.clear '{"user_id": "u1"}'""" in ran.err


def test_what_is_not_json_is_said_with_its_place(homeport: Homeport) -> None:
    ran = homeport("call", "cart.add", "{user_id: 1}")
    assert ran.code == 2
    assert "the arguments are not JSON at character 2" in ran.err


def test_a_service_without_a_method_lists_them(homeport: Homeport) -> None:
    ran = homeport("call", "cart")
    assert ran.code == 2
    assert "say which method of 'cart' to call: add, clear, changes" in ran.err


def test_a_method_nobody_knows_ends_with_4(homeport: Homeport) -> None:
    ran = homeport("call", "cart.ad", "[]")
    assert ran.code == 4
    assert "'cart' has no method 'ad'; it has add, clear, changes (did you mean 'add'?)" in ran.err


class CartFull(ServiceError, status=409):
    limit: int


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CartFull(limit=9), 1, "error: cart_full: limit=9"),
        (DeadlineExceeded("cart.add did not answer within 2 s"), 5, "error: cart.add did not answer within 2 s"),
        (
            DeadlineExceeded("homeport_node.status did not answer before its deadline"),
            5,
            "error: the node process does not answer (homeport_node.status was asked in vain)\n  next: homeport doctor",
        ),
        (NoEndpoint("cart", 1), 1, "no endpoint for 'cart' (1 registered, none ready); run `homeport why cart`"),
        (
            RemoteError(
                "cart", "add", "KeyError", "'x'", 'Traceback:\n  File "/shop/cart.py", line 7, in add\nKeyError'
            ),
            1,
            "at /shop/cart.py:7 in add",
        ),
        (ConnectionRefusedError(111, "Connection refused"), 3, "error: connection refused"),
        (ZeroDivisionError("oops"), 1, "error: unexpected ZeroDivisionError: oops"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_kind_of_failure_has_its_line_and_code(
    homeport: Homeport, place: Place, error: Exception, code: int, said: str
) -> None:
    place.client.answer = error
    ran = homeport("call", "cart.add", '["u", "p"]')
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_declared_error_keeps_its_fields_for_programs(homeport: Homeport, place: Place) -> None:
    place.client.answer = CartFull(limit=9)
    problem = homeport("call", "cart.add", '["u", "p"]', "--json").problem
    assert (problem["code"], problem["status"], problem["fields"]) == ("cart_full", 409, {"limit": 9})


def test_the_traceback_is_there_when_asked_for(homeport: Homeport, place: Place) -> None:
    place.environ["HOMEPORT_TRACEBACK"] = "1"
    place.client.answer = ZeroDivisionError("oops")
    assert "Traceback (most recent call last)" in homeport("call", "cart.add", '["u", "p"]').err


# -- why, watch --------------------------------------------------------------------------------------------------------


def test_why_tells_the_story_with_its_evidence(homeport: Homeport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    out = lines(homeport("why", "cart").out)
    assert out[0] == "cart: 1 of 1 ready"
    assert out[1].endswith("cart-000001  gone             process exited, by supervisor")
    assert out[2].strip() == "│ exit status 1"
    assert out[3].strip() == "│ KeyError: 'x'"
    assert out[4].endswith("cart-3f9c2a  waiting → ready  started, by worker cart-1")


def test_why_can_be_cut_to_the_last(homeport: Homeport) -> None:
    out = homeport("why", "cart", "--last", "1").out
    assert "1 older left out; --last 2 shows all" in out
    assert "gone" not in out


def test_watch_shows_what_is_and_then_what_changes(homeport: Homeport, place: Place) -> None:
    gone = change("cart", "cart-3f9c2a", None, "process exited", "supervisor", "exit status 1\nKeyError")
    fresh = change("cart", "cart-aa", instance("cart-aa", "cart", State.STARTING), "registered", "worker cart-2")
    place.client.registry.items = [WatchItem(revision=6, store="st", changes=(gone, fresh))]
    ran = homeport("watch", "cart")
    assert ran.err == ""
    out = [line.split("  ", 1)[1] for line in lines(ran.out)]
    assert out == [
        "cart-3f9c2a  ready",
        "cart-3f9c2a  ready → gone  process exited, by supervisor: exit status 1: KeyError",
        "cart-aa  starting  registered, by worker cart-2",
    ]


def test_watch_json_is_one_item_a_line(homeport: Homeport) -> None:
    items = [msgspec.json.decode(line) for line in homeport("watch", "--json").out.splitlines()]
    assert [item["revision"] for item in items] == [5]


def test_watching_a_name_nobody_knows_ends_with_4(homeport: Homeport) -> None:
    assert homeport("watch", "crat").code == 4


# -- scale, stop -------------------------------------------------------------------------------------------------------


def test_scale_says_how_safely_the_number_is_kept(homeport: Homeport, place: Place) -> None:
    ran = homeport("scale", "cart", "3")
    assert ran == (0, "cart: 3 instances wanted, saved to disk\n", "")
    assert place.client.node.asked == [("scale", "cart", 3, "homeport scale")]


def test_scaling_below_zero_is_refused(homeport: Homeport) -> None:
    ran = homeport("scale", "cart", "-1")
    assert ran.code == 2


def test_stop_of_a_service_says_how_to_start_it_again(homeport: Homeport, place: Place) -> None:
    ran = homeport("stop", "payment")
    assert (ran.code, ran.out) == (0, "payment stops; `homeport scale payment 1` starts it again\n")
    assert place.client.node.asked == [("stop", "payment", "homeport stop")]


def test_stop_of_the_node_waits_until_its_processes_are_gone(homeport: Homeport, place: Place) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    place.client.node.present = status(pid=gone.pid, workers=())
    ran = homeport("stop")
    assert (ran.code, ran.out) == (0, "node shop has stopped\n")
    assert place.client.node.asked == [("stop_node", "homeport stop")]


def test_a_node_that_does_not_go_ends_with_5(homeport: Homeport, place: Place) -> None:
    place.client.node.present = status(pid=os.getpid(), workers=())
    ran = homeport("stop", "--timeout", "0")
    assert ran.code == 5
    assert "next: homeport stop --kill" in ran.err


# -- everywhere --------------------------------------------------------------------------------------------------------

ASKING = [
    ("ps",),
    ("services",),
    ("services", "cart"),
    ("call", "cart.add", '["u", "p"]'),
    ("why", "cart"),
    ("watch",),
    ("scale", "cart", "2"),
    ("stop", "cart"),
]


@pytest.mark.parametrize("argv", ASKING, ids=lambda argv: argv[0])
def test_without_a_node_every_command_ends_with_3(homeport: Homeport, place: Place, argv: tuple[str, ...]) -> None:
    place.down = True
    ran = homeport(*argv)
    assert ran.code == 3
    assert lines(ran.err) == ["error: no node is running; start one with `homeport run TARGET`"]
    told = homeport(*argv, "--json").problem
    assert told["code"] == "no_node"
    assert told["next"] == "homeport run TARGET"


@pytest.mark.parametrize(
    "argv", [*ASKING, ("version",), ("doctor",), ("config", "show"), ("new", "shop")], ids=lambda argv: " ".join(argv)
)
def test_json_is_valid_for_every_command(homeport: Homeport, argv: tuple[str, ...]) -> None:
    ran = homeport(*argv, "--json")
    assert ran.code == 0, ran.err
    for line in ran.out.splitlines():
        msgspec.json.decode(line)


@pytest.mark.parametrize("argv", [("pss",), ("ps", "--nod"), ("scale", "cart"), ("call", "a.b", "--timeout", "3x")])
def test_a_mistyped_command_ends_with_2_in_one_line_and_a_next_step(homeport: Homeport, argv: tuple[str, ...]) -> None:
    ran = homeport(*argv)
    assert ran.code == 2
    first, second = lines(ran.err)
    assert first.startswith("error: ")
    assert second.startswith("  next: homeport")
    assert homeport(*argv, "--json").problem["code"] == "usage"


def test_help_groups_the_commands_and_fits_80_columns(homeport: Homeport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = homeport()
    assert ran.code == 0
    for panel in ("Run", "Look", "Change", "Project"):
        assert f"─ {panel} ─" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


@pytest.mark.parametrize(
    "command", ["run", "stop", "ps", "services", "why", "watch", "logs", "call", "scale", "new", "doctor", "version"]
)
def test_every_command_shows_an_example_in_its_help(homeport: Homeport, command: str) -> None:
    assert f"  homeport {command}" in homeport(command, "--help").out


def test_a_state_that_is_down_names_what_it_waits_for(homeport: Homeport) -> None:
    assert PAYMENT_SUMMARY.waiting_for == ("payments",)
    assert "down, waiting for: payments" in homeport("services", "payment").out


def test_the_place_of_a_far_exception_is_its_source_not_the_release(homeport: Homeport, place: Place) -> None:
    copy = "/srv/shop/.homeport/releases/r1/cart.py"
    place.client.answer = RemoteError("cart", "add", "KeyError", "'x'", f'  File "{copy}", line 7, in add\nKeyError')
    assert "at /srv/shop/cart.py:7 in add" in homeport("call", "cart.add", '["u", "p"]').err


def test_the_place_of_a_far_exception_is_the_services_own_line_not_a_librarys(homeport: Homeport, place: Place) -> None:
    frames = (
        '  File "/shop/cart.py", line 7, in add\n'
        '  File "/venv/lib/python3.12/site-packages/httpx/_client.py", line 9, in send\n'
        '  File "<string>", line 1, in <module>\n'
    )
    place.client.answer = RemoteError("cart", "add", "ConnectError", "refused", frames)
    assert "at /shop/cart.py:7 in add" in homeport("call", "cart.add", '["u", "p"]').err


def test_the_page_about_the_command_line_has_every_command(homeport: Homeport) -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    listed = set(re.findall(r"^\| `([a-z]+)[ `]", page, re.MULTILINE))
    offered = set(re.findall(r"^│ ([a-z]+) ", homeport("--help").out, re.MULTILINE))
    assert offered
    assert offered <= listed


def test_help_shows_the_names_of_tables(homeport: Homeport) -> None:
    assert "[services.NAME] and" in " ".join(homeport("policy", "--help").out.split())


def test_ps_says_why_http_is_not_served_though_all_instances_are_ready(homeport: Homeport, place: Place) -> None:
    place.client.node.present = status(ready=False, url="", waiting={"(front)": "front exited with status 1"})
    assert lines(homeport("ps").out)[-1] == "HTTP: front exited with status 1"


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("logs", "--level", "loud"), r"'--level': 'loud' is not one of 'debug', .*"),
        (("scale", "payment", "many"), r"'N': .* a valid integer( range)?"),  # versions of typer say it differently
    ],
)
def test_what_a_library_says_of_a_wrong_value_is_cut_to_what_helps(
    homeport: Homeport, arguments: tuple[str, ...], said: str
) -> None:
    first, *rest = homeport(*arguments).err.splitlines()
    assert re.search(f"{said}$", first)
    assert len(rest) == 1  # the next step


def test_an_error_of_ours_that_no_kind_is_known_for_is_no_bug() -> None:
    explained = explain(PackagingFailed("cannot write to /dist"))
    assert (explained.exit_code, explained.problem.code, explained.problem.next) == (1, "packaging_failed", "")


def test_on_a_full_disk_the_doctor_is_the_next_step() -> None:
    explained = explain(OSError(errno.ENOSPC, "No space left on device", "/data/spec.json"))
    assert explained.problem.detail == "no space left on device: /data/spec.json"
    assert explained.problem.next == "homeport doctor"


def test_help_fills_its_lines_whatever_the_source_does(homeport: Homeport) -> None:
    shown = lines(homeport("deploy", "--help").out)
    begun = next(n for n, line in enumerate(shown) if "New instances are ready" in line)
    assert all(len(line) > 60 for line in shown[begun : begun + 3])
