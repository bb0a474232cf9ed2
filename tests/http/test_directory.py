from __future__ import annotations

from homeport.contracts.api import Contract
from homeport.http.directory import Directory
from homeport.model import Cause, Change, Completeness, Instance, State
from homeport.registry.api import ServiceAnswer, WatchItem
from tests.http.contracts import PAYMENTS
from tests.http.fakes import CAUSE, STORE, instance

NEWER = Contract(service="payments", fingerprint="bbbbbbbbbbbbbbbb")


def snapshot(*answers: ServiceAnswer, completeness: Completeness = Completeness.COMPLETE) -> WatchItem:
    return WatchItem(revision=5, store=STORE, snapshot=answers, completeness=completeness)


def answer(service: str, *instances: Instance, contracts: tuple[Contract, ...] = ()) -> ServiceAnswer:
    return ServiceAnswer(service=service, revision=5, instances=instances, contracts=contracts)


def change(one: Instance, *, gone: bool = False, contracts: tuple[Contract, ...] = ()) -> WatchItem:
    told = Change(
        revision=6,
        service=one.service,
        instance_id=one.id,
        instance=None if gone else one,
        cause=Cause(what="", actor=""),
    )
    return WatchItem(revision=6, store=STORE, changes=(told,), contracts=contracts)


def test_a_complete_snapshot_replaces_all_that_was_known() -> None:
    directory = Directory()
    directory.fold(snapshot(answer("cart", instance("cart-1", "cart"))))
    directory.fold(snapshot(answer("ad", instance("ad-1", "ad"))))
    assert [one.id for one in directory.instances()] == ["ad-1"]
    assert not directory.knows("cart")


def test_a_snapshot_that_may_lack_something_removes_nothing() -> None:
    directory = Directory()
    directory.fold(snapshot(answer("cart", instance("cart-1", "cart"))))
    directory.fold(snapshot(completeness=Completeness.SUSPECT))
    assert [one.id for one in directory.instances()] == ["cart-1"]
    assert directory.completeness is Completeness.SUSPECT


def test_a_service_has_the_contract_of_its_ready_instances() -> None:
    directory = Directory()
    old = instance("payments-1", "payments", contract=PAYMENTS.fingerprint)
    new = instance("payments-2", "payments", contract=NEWER.fingerprint, state=State.STARTING)
    directory.fold(snapshot(answer("payments", old, contracts=(PAYMENTS,))))
    directory.fold(change(new, contracts=(NEWER,)))
    assert directory.contract("payments") == PAYMENTS
    directory.fold(change(old, gone=True))
    assert directory.contract("payments") == NEWER


def test_a_service_scaled_to_zero_keeps_its_description() -> None:
    directory = Directory()
    directory.fold(snapshot(answer("payments", contracts=(PAYMENTS,))))
    assert directory.contracts() == [PAYMENTS]
    assert directory.names() == ["payments"]


def test_asking_for_a_service_that_is_not_there_does_not_invent_it() -> None:
    directory = Directory()
    assert directory.instances("ghost") == []
    assert directory.contract("ghost") is None
    assert not directory.knows("ghost")
    assert directory.names() == []
    assert directory.instance("ghost-1") is None


def test_the_cause_of_a_state_stays_with_the_instance() -> None:
    directory = Directory()
    directory.fold(snapshot(answer("cart", instance("cart-1", "cart"))))
    kept = directory.instance("cart-1")
    assert kept is not None
    assert kept.cause == CAUSE
