"""The plan of a run, and what is held against it."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.chaos.plan import FRONT, KILL, KINDS, NODE, ORPHAN, PAUSE, WORKER, Blow, blows
from tests.chaos.verdict import Call, Struck, verdict

WORKERS = ["cart-1", "email-1", "payment-1"]
DEATH = Struck(blow=Blow(1.0, KILL, WORKER, "cart-1", 0.0), at=10.0, over=10.0, well=12.0)
NO_FRONT = Struck(blow=Blow(1.0, KILL, FRONT, FRONT, 0.0), at=20.0, over=20.0, well=22.0)


def call(
    error: str = "", began: float = 9.9, ended: float = 10.1, idempotent: bool = False, http: bool = False
) -> Call:
    return Call(what="cart.add", idempotent=idempotent, began=began, ended=ended, deadline=10.0, error=error, http=http)


def broken(*calls: Call) -> bool:
    return bool(verdict(calls, [DEATH, NO_FRONT]))


def test_a_seed_deals_the_same_blows_in_any_order_of_the_workers_names() -> None:
    one, same = (list(islice(blows(7, names), 40)) for names in (WORKERS, WORKERS[::-1]))
    assert one == same
    assert one != list(islice(blows(8, WORKERS), 40))


def test_each_round_has_every_kind_of_blow_once() -> None:
    first = list(islice(blows(7, WORKERS), len(KINDS)))
    assert {(blow.action, blow.of) for blow in first} == set(KINDS)
    assert all(blow.seconds for blow in first if blow.action == PAUSE)


def test_a_blow_says_what_it_is() -> None:
    assert str(DEATH.blow) == "after 1.00 s of calm kill worker cart-1"
    assert str(Blow(0.5, PAUSE, NODE, NODE, 4.0)) == "after 0.50 s of calm pause node for 4.0 s"


def test_what_was_answered_is_well() -> None:
    assert not broken(call(), call(idempotent=True, http=True))


def test_an_idempotent_call_must_not_fail_whatever_dies() -> None:
    assert broken(call("ConnectionLost", idempotent=True))


def test_another_call_may_be_lost_with_the_process_that_ran_it() -> None:
    assert not broken(
        call("ConnectionLost"), call("502 connection_lost", http=True), call("RemoteError ConnectionLost")
    )


def test_but_not_long_before_or_after() -> None:
    assert broken(call("ConnectionLost", began=9.0, ended=9.5))
    assert broken(call("ConnectionLost", began=10.8, ended=11.0))


@pytest.mark.parametrize("error", ["NoEndpoint", "NotSent", "Draining", "Overloaded", "503 no_endpoint", "KeyError"])
def test_an_error_that_says_never_started_or_nothing_is_no_excuse(error: str) -> None:
    assert broken(call(error))


def test_a_browser_is_cut_off_only_while_there_is_no_front() -> None:
    assert not broken(call("ConnectError", 20.5, 20.5, http=True, idempotent=True))
    assert broken(call("ConnectError", 10.1, 10.2, http=True))
    assert broken(call("ConnectError", 22.5, 22.5, http=True))


def test_without_a_node_to_start_another_a_call_may_give_up_but_not_at_once() -> None:
    orphan = Struck(blow=Blow(1.0, ORPHAN, WORKER, "cart-1", 1.0), at=30.0, over=31.0, well=36.0)
    assert not verdict([call("NotSent", 30.2, 32.3, idempotent=True)], [orphan])
    assert verdict([call("NotSent", 30.2, 30.3, idempotent=True)], [orphan])
    assert verdict([call("NotSent", 9.9, 12.0, idempotent=True)], [DEATH])


def test_nothing_hangs_beyond_its_deadline() -> None:
    assert broken(call(began=10.0, ended=24.0))
    (told,) = verdict([call(began=10.0, ended=24.0)], [DEATH])
    assert told == "cart.add (+0.000 s to +14.000 s from after 1.00 s of calm kill worker cart-1): " + (
        "hung for 14.0 s, 10 s were allowed"
    )
