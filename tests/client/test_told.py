"""What a watcher is told, whatever happens to the registry and the connection in between."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homeport.client import Told
from homeport.model import Cause, Change, Completeness, Instance, State
from homeport.registry.api import ServiceAnswer, WatchItem

CAUSE = Cause(what="test", actor="test")


def instance(name: str, revision: int) -> Instance:
    return Instance(id=name, service="payments", endpoints=(), state=State.READY, revision=revision)


def snapshot(revision: int, *instances: Instance, store: str = "a", complete: bool = True) -> WatchItem:
    completeness = Completeness.COMPLETE if complete else Completeness.PARTIAL
    answer = ServiceAnswer(service="payments", revision=revision, instances=tuple(instances), completeness=completeness)
    return WatchItem(revision=revision, store=store, snapshot=(answer,), completeness=completeness)


def test_a_snapshot_after_a_gap_tells_only_what_is_new_and_what_went() -> None:
    told = Told()
    told.take(snapshot(2, instance("one", 1), instance("two", 2)))
    found = told.take(snapshot(9, instance("two", 2), instance("three", 8)))
    assert [(change.instance_id, change.instance is None) for change in found] == [("three", False), ("one", True)]
    assert found[1].cause.evidence


def test_a_snapshot_that_may_lack_something_removes_nothing() -> None:
    told = Told()
    told.take(snapshot(1, instance("one", 1)))
    assert told.take(snapshot(5, complete=False)) == []
    assert [change.instance_id for change in told.take(snapshot(6))] == ["one"]


def test_a_new_store_may_count_from_the_beginning() -> None:
    told = Told()
    told.take(snapshot(100, instance("one", 100)))
    found = told.take(snapshot(3, instance("two", 3), store="b"))
    assert [(change.instance_id, change.instance is None) for change in found] == [("two", False), ("one", True)]
    assert (told.store, told.revision) == ("b", 3)


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from(["follow", "resume", "snapshot"])))


@given(STEPS)
def test_a_watcher_ends_up_with_what_there_is_and_hears_no_change_twice(steps: list[tuple[str, bool, str]]) -> None:
    told, there = Told(), dict[str, Instance]()
    known, heard = dict[str, Instance](), list[Change]()
    history: list[Change] = []
    for number, (name, alive, how) in enumerate(steps, start=1):
        now = instance(name, number) if alive else None
        if now is None and name not in there:
            continue
        there = {**there, name: now} if now is not None else {k: v for k, v in there.items() if k != name}
        history.append(Change(revision=number, service="payments", instance_id=name, instance=now, cause=CAUSE))
        if how == "snapshot":
            item = snapshot(number, *there.values())
        elif how == "follow":
            since = [change for change in history if change.revision > told.revision]
            item = WatchItem(revision=number, store="a", changes=tuple(since))
        else:  # an answer that begins before what the watcher has
            item = WatchItem(revision=number, store="a", changes=tuple(history))
        for change in told.take(item):
            heard.append(change)
            if change.instance is None:
                known.pop(change.instance_id, None)
            else:
                known[change.instance_id] = change.instance
        assert known == there
    arrivals = [(change.instance_id, change.revision) for change in heard if change.instance is not None]
    assert len(arrivals) == len(set(arrivals))
