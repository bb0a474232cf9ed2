"""The change index: a watcher's folded view always equals the catalog, from wherever it began."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from homeport.model import Cause, Change, Instance, State
from homeport.registry.watch import ChangeIndex

CAUSE = Cause(what="test", actor="test")


def change(revision: int, service: str, name: str, weight: float | None = 1.0) -> Change:
    instance = None
    if weight is not None:
        instance = Instance(id=name, service=service, endpoints=(), state=State.READY, weight=weight, revision=revision)
    return Change(revision=revision, service=service, instance_id=name, instance=instance, cause=CAUSE)


def test_changes_of_several_services_come_in_order_each_once() -> None:
    index = ChangeIndex(base=0)
    told = [change(1, "a", "a1"), change(2, "b", "b1"), change(3, "a", "a2"), change(4, "c", "c1")]
    for one in told:
        index.record(one)
    assert index.since(0) == told
    assert index.since(1, ("a", "b")) == [told[1], told[2]]
    assert index.since(4) == []


def test_a_slow_watcher_gets_only_the_newest_state_of_each_instance() -> None:
    index = ChangeIndex(base=0)
    for revision in range(1, 1000):
        index.record(change(revision, "a", "a1"))
    index.record(change(1000, "a", "a2"))
    assert [one.revision for one in index.since(0, ("a",)) or ()] == [999, 1000]


def test_what_was_before_the_beginning_is_not_known() -> None:
    index = ChangeIndex(base=100)
    assert index.since(99) is None
    assert index.since(100) == []


def test_a_watcher_that_missed_a_forgotten_departure_needs_a_snapshot_and_others_do_not() -> None:
    index = ChangeIndex(base=0, gone=1)
    index.record(change(1, "a", "a1"))
    index.record(change(2, "a", "a1", None))
    index.record(change(3, "b", "b1"))
    index.record(change(4, "b", "b1", None))
    assert index.since(1, ("a",)) is None
    assert index.since(1) is None
    assert [one.revision for one in index.since(1, ("b",)) or ()] == [4]
    assert [one.revision for one in index.since(2) or ()] == [4]


class Watcher:
    def __init__(self, services: tuple[str, ...], cursor: int, view: dict[str, float]) -> None:
        self.services, self.cursor, self.view = services, cursor, view


class IndexMachine(RuleBasedStateMachine):
    """Watchers that begin and look whenever they like, while few departures are remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.index = ChangeIndex(base=0, gone=3)
        self.revision = 0
        self.catalog: dict[str, tuple[str, float]] = {}
        self.watchers: list[Watcher] = []

    @rule(service=st.sampled_from("abc"), number=st.integers(0, 2))
    def put(self, service: str, number: int) -> None:
        self.revision += 1
        self.catalog[f"{service}{number}"] = (service, float(self.revision))
        self.index.record(change(self.revision, service, f"{service}{number}", float(self.revision)))

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.catalog:
            name = data.draw(st.sampled_from(sorted(self.catalog)))
            self.revision += 1
            self.index.record(change(self.revision, self.catalog.pop(name)[0], name, None))

    @rule()
    def something_else_takes_a_revision(self) -> None:
        self.revision += 1

    @rule(services=st.sampled_from([(), ("a",), ("a", "b"), ("c", "nobody")]))
    def watch(self, services: tuple[str, ...]) -> None:
        self.watchers.append(Watcher(services, self.revision, self.expected(services)))

    @rule(data=st.data())
    def look(self, data: st.DataObject) -> None:
        if not self.watchers:
            return
        watcher = data.draw(st.sampled_from(self.watchers))
        changes = self.index.since(watcher.cursor, watcher.services)
        if changes is None:
            watcher.view = self.expected(watcher.services)
        else:
            revisions = [one.revision for one in changes]
            assert revisions == sorted(set(revisions))
            assert all(watcher.cursor < revision <= self.revision for revision in revisions)
            assert len({one.instance_id for one in changes}) == len(changes)
            for one in changes:
                assert not watcher.services or one.service in watcher.services
                if one.instance is None:
                    watcher.view.pop(one.instance_id, None)
                else:
                    watcher.view[one.instance_id] = one.instance.weight
        watcher.cursor = self.revision
        assert watcher.view == self.expected(watcher.services)

    @rule()
    def rebase(self) -> None:
        self.revision += 10
        self.index.rebase(self.revision)

    def expected(self, services: tuple[str, ...]) -> dict[str, float]:
        return {name: weight for name, (service, weight) in self.catalog.items() if not services or service in services}

    @invariant()
    def few_departures_are_remembered(self) -> None:
        remembered = sum(one.instance is None for some in self.index._services.values() for one in some.values())
        assert remembered <= 3


TestIndexMachine = IndexMachine.TestCase
TestIndexMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
