"""Restarting, deploying, draining and ejecting: what is asked, what is shown, how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from cli_fakes import NOW, Place, instance, rollout

from homeport.build.diagnostics.finding import Finding
from homeport.cli import rollouts
from homeport.cli.commands import drain
from homeport.errors import DeadlineExceeded
from homeport.node.api import ServiceProgress

if TYPE_CHECKING:
    from conftest import Homeport


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollouts, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(drain, "LOOK_EVERY", 0.0)


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines() if line.strip()]


STARTING = rollout("starting", "cart 0/1 new ready, starting")
SOAKING = rollout("soaking", "cart 1/1 new ready, soaking 3 s more")


# -- restart and deploy ------------------------------------------------------------------------------------------------


def test_restart_tells_each_step_and_how_long_it_took(homeport: Homeport, place: Place) -> None:
    later = rollout("soaking", "cart 1/1 new ready, soaking 1 s more")
    place.client.node.course = [STARTING, SOAKING, later, rollout("done", "done")]
    ran = homeport("restart", "cart", "--max-surge", "2", "--soak", "3s")
    assert ran.code == 0
    assert lines(ran.out) == [
        "· cart 0/1 new ready, starting",
        "· cart 1/1 new ready, soaking 3 s more",
        "✓ cart restarted in 12s",
    ]
    assert place.client.node.asked == [("restart", "cart", 2, 3.0, "homeport restart")]


def test_deploy_tells_what_a_check_says_of_the_source(homeport: Homeport, place: Place) -> None:
    place.client.node.course = [rollout("done", "done")]
    warning = Finding(severity="warning", path="cart.py", line=3, column=5, code="HP201", message="unknown", hint="try")
    place.client.node.present = msgspec.structs.replace(place.client.node.present, root="/shop", findings=(warning,))
    assert lines(homeport("deploy", "shop").err) == ["/shop/cart.py:3:5: HP201 warning: unknown; try"]
    place.client.node.course = [rollout("returned", "rolled back", error="cart failed")]
    assert "HP201" not in homeport("deploy", "shop").err


def test_deploy_says_where_the_target_is_and_how_to_go_about_it(homeport: Homeport, place: Place) -> None:
    place.client.node.course = [rollout("done", "done")]
    assert lines(homeport("deploy", "shop", "--soak", "0", "--force").out) == ["✓ release r2 runs in 12s"]
    ((_, request),) = place.client.node.asked
    assert (request.target, request.cwd, request.force, request.soak, request.share) == (
        "shop",
        str(place.folder),
        True,
        0.0,
        0.0,
    )


def test_a_rollout_that_went_back_ends_with_1_and_the_reason(homeport: Homeport, place: Place) -> None:
    evidence = 'exit status 1\nTraceback:\n  File "/r/cart.py", line 3, in <module>\nImportError: no bank'
    back = rollout("returning", "rolling back", error=f"cart: worker cart-2 failed: {evidence}")
    place.client.node.course = [STARTING, back, msgspec.structs.replace(back, stage="returned", over=True)]
    ran = homeport("deploy", "shop")
    assert ran.code == 1
    assert "· rolling back: cart: worker cart-2 failed: exit status 1: ImportError: no bank" in ran.out
    assert lines(ran.err) == [
        "error: deploy-4 was rolled back: cart: worker cart-2 failed: exit status 1: ImportError: no bank",
        '  File "/r/cart.py", line 3, in <module>',
    ]


def test_a_refused_contract_shows_every_difference_and_the_way_round(homeport: Homeport, place: Place) -> None:
    differences = ("cart: add requires a new argument 'gift' (give 'gift' a default)", "cart: clear was removed")
    refused = rollout("returned", error="cart: callers would notice", differences=differences)
    place.client.node.course = [refused]
    ran = homeport("deploy", "shop")
    assert ran.code == 1
    assert [line.strip() for line in lines(ran.err)][1:] == [*differences, "next: homeport deploy shop --force"]
    problem = homeport("deploy", "shop", "--json").problem
    assert (problem["code"], problem["fields"]["differences"]) == ("rolled_back", list(differences))


def test_a_trial_ends_the_command_and_names_what_to_do(homeport: Homeport, place: Place) -> None:
    held = rollout("holding", "on trial with 10% of the calls, until it is promoted or rolled back")
    place.client.node.course = [STARTING, held]
    ran = homeport("deploy", "shop", "--canary", "10%")
    assert ran.code == 0
    assert lines(ran.out)[-1] == "  `homeport deploy promote` or `homeport deploy rollback`"
    assert place.client.node.asked[0][1].share == pytest.approx(0.1)


@pytest.mark.parametrize("share", ["100%", "-5%", "ten"])
def test_a_share_that_is_none_is_wrong_usage(homeport: Homeport, share: str) -> None:
    assert homeport("deploy", "shop", f"--canary={share}").code == 2


def test_promoting_and_rolling_back_follow_to_the_end(homeport: Homeport, place: Place) -> None:
    place.client.node.course = [rollout("done", "done")]
    assert homeport("deploy", "promote").code == 0
    place.client.node.course = [rollout("returned", "rolled back", error="rolled back by homeport deploy rollback")]
    ran = homeport("deploy", "rollback")
    assert (ran.code, lines(ran.out)) == (0, ["✓ deploy-4 is taken back: what ran before runs again"])
    assert [asked[0] for asked in place.client.node.asked] == ["promote", "roll_back"]


def test_the_status_lists_how_far_each_service_is(homeport: Homeport, place: Place) -> None:
    services = (
        ServiceProgress(service="cart", stage="done", wanted=2, new_ready=2, old=0),
        ServiceProgress(service="payment", stage="pending", wanted=1, new_ready=0, old=1),
    )
    place.client.node.course = [rollout("soaking", "cart 2/2 new ready", target="shop", services=services)]
    assert lines(homeport("deploy", "status").out) == [
        "deploy-4 · cart 2/2 new ready · release r2 · from shop · by homeport deploy",
        "SERVICE  STAGE    NEW READY  OLD",
        "cart     done           2/2",
        "payment  pending        0/1    1",
    ]
    assert homeport("deploy", "status", "--json").value["services"][1]["stage"] == "pending"


def test_without_a_rollout_the_status_says_so(homeport: Homeport) -> None:
    assert "nothing has been deployed" in homeport("deploy", "status").out
    assert homeport("deploy", "status", "--json").out == "null\n"


def test_a_node_that_is_started_again_meanwhile_is_waited_for(homeport: Homeport, place: Place) -> None:
    place.client.node.course = [STARTING, rollout("done", "done")]

    async def restart(*_: object) -> object:
        place.client.node.silent = 3
        return STARTING

    place.client.node.restart = restart  # type: ignore[method-assign, assignment]
    assert homeport("restart", "cart").code == 0


def test_a_rollout_that_another_overtook_is_no_success(homeport: Homeport, place: Place) -> None:
    place.client.node.course = [STARTING, rollout("starting", id="reload-5")]
    ran = homeport("restart", "cart")
    assert ran.code == 1
    assert "overtaken by reload-5" in ran.err


def test_progress_for_programs_is_one_object_a_line(homeport: Homeport, place: Place) -> None:
    place.client.node.course = [STARTING, rollout("done", "done")]
    told = [msgspec.json.decode(line) for line in homeport("restart", "cart", "--json").out.splitlines()]
    assert [(one["event"]) for one in told] == ["progress", "ended"]
    assert told[1]["rollout"]["stage"] == "done"


def test_restarting_what_nobody_knows_ends_with_4(homeport: Homeport) -> None:
    assert homeport("restart", "crt").code == 4


# -- drain and eject ---------------------------------------------------------------------------------------------------


def test_drain_returns_when_the_instance_is_gone(homeport: Homeport, place: Place) -> None:
    def leave(name: str) -> None:
        registry = place.client.registry
        registry.all_instances = [one for one in registry.all_instances if one.id != name]

    place.client.node.drained = leave
    ran = homeport("drain", "cart-3f9c2a")
    assert ran.code == 0
    assert ran.out.startswith("✓ cart-3f9c2a drained in ")
    assert place.client.node.asked == [("drain", "cart-3f9c2a", "homeport drain")]


def test_drain_gives_up_waiting_with_5(homeport: Homeport) -> None:
    ran = homeport("drain", "cart-3f9c2a", "--timeout", "0")
    assert ran.code == 5
    assert "homeport why cart-3f9c2a" in ran.err


def test_an_instance_nobody_knows_ends_with_4_and_the_near_name(homeport: Homeport) -> None:
    ran = homeport("eject", "cart-3f9c2b")
    assert ran.code == 4
    assert "did you mean cart-3f9c2a?" in ran.err
    assert "did you mean cart-3f9c2a?" in homeport("drain", "cart").err, "its service is near enough"


def test_eject_says_for_how_long_and_warns_of_the_last(homeport: Homeport, place: Place) -> None:
    ran = homeport("eject", "cart-3f9c2a", "--for", "10m")
    assert ran.out == "cart-3f9c2a is called by nobody for 10m 00s; --undo lets it back in\n"
    assert "no other instance is ready" in ran.err
    assert place.client.registry.asked == [("eject", "cart-3f9c2a", 600.0, "ejected by operator", "homeport eject")]
    place.client.registry.all_instances.append(instance("cart-000002", "cart", since=NOW))
    assert homeport("eject", "cart-3f9c2a").err == ""


def test_an_ejection_can_be_undone(homeport: Homeport, place: Place) -> None:
    assert homeport("eject", "cart-3f9c2a", "--undo", "--json").value["ejected"] is False
    assert place.client.registry.asked == [("readmit", "cart-3f9c2a", "let in again by operator", "homeport eject")]


def test_an_application_that_takes_long_to_copy_is_asked_for_again(homeport: Homeport, place: Place) -> None:
    place.client.node.course = [rollout("done", "done")]
    patient, asked = place.client.node.deploy, []

    async def slow(request: object) -> object:
        asked.append(request)
        if len(asked) < 3:
            raise DeadlineExceeded("no answer in 10 s")
        return await patient(request)  # type: ignore[arg-type]

    place.client.node.deploy = slow  # type: ignore[method-assign, assignment]
    ran = homeport("deploy", "shop")
    assert (ran.code, len(asked)) == (0, 3)
    assert "still being copied" in ran.err
