"""The keyspace: revisions, conditions, bounded history."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from homeport.registry.store.keyspace import Keyspace
from homeport.registry.store.port import Condition, Conflict, Delete, KeyChange, Put, Resync

KEYS = st.sampled_from(["a/1", "a/2", "ab/1", "b/1", "b/2"])
VALUES = st.binary(max_size=3)


def test_every_change_of_a_key_has_a_revision_of_its_own() -> None:
    keyspace = Keyspace(revision=10)
    changes = keyspace.apply([Put("a", b"1"), Put("b", b"2")], [Delete("a", b"why")])
    assert changes == [KeyChange(11, "a", b"1"), KeyChange(12, "b", b"2"), KeyChange(13, "a", None, b"why")]
    assert keyspace.revision == 13


def test_deleting_an_absent_key_takes_no_revision() -> None:
    keyspace = Keyspace()
    assert keyspace.apply([], [Delete("a")]) == []
    assert keyspace.revision == 0


def test_a_condition_on_another_revision_is_refused_with_both_revisions() -> None:
    keyspace = Keyspace()
    keyspace.apply([Put("a", b"1")], [])
    keyspace.check([Condition("a", 1), Condition("absent", 0)])
    with pytest.raises(Conflict, match="'a' is at revision 1, not 0"):
        keyspace.check([Condition("a", 0)])


def test_a_range_ends_where_the_prefix_ends() -> None:
    keyspace = Keyspace()
    keyspace.apply([Put("b", b""), Put("a/2", b""), Put("a/1", b""), Put("ab", b"")], [])
    assert [entry.key for entry in keyspace.range("a/")] == ["a/1", "a/2"]
    assert [entry.key for entry in keyspace.range("")] == ["a/1", "a/2", "ab", "b"]


def test_history_that_is_gone_or_never_was_asks_for_a_resync() -> None:
    keyspace = Keyspace(revision=5, history=2)
    keyspace.apply([Put("a", b"1"), Put("a", b"2"), Put("a", b"3")], [])
    assert keyspace.watch([""], 5) == Resync(8)
    assert keyspace.watch([""], 6) == [KeyChange(7, "a", b"2"), KeyChange(8, "a", b"3")]
    assert keyspace.watch([""], 9) == Resync(8)


def test_a_jump_passes_the_revision_and_forgets_history() -> None:
    keyspace = Keyspace()
    keyspace.apply([Put("a", b"1")], [])
    keyspace.jump_past(100)
    assert keyspace.revision == 101
    assert keyspace.watch([""], 1) == Resync(101)
    assert keyspace.watch([""], 101) == []


class KeyspaceMachine(RuleBasedStateMachine):
    """However it is changed, a follower that folds ``watch`` holds the same as ``range``."""

    def __init__(self) -> None:
        super().__init__()
        self.keyspace = Keyspace(history=6)
        self.model: dict[str, bytes] = {}
        self.followers: dict[str, tuple[int, dict[str, bytes]]] = {"": (0, {}), "a/": (0, {})}
        self.told = 0

    @rule(puts=st.lists(st.tuples(KEYS, VALUES), max_size=3), deletes=st.lists(KEYS, max_size=2))
    def commit(self, puts: list[tuple[str, bytes]], deletes: list[str]) -> None:
        changes = self.keyspace.apply([Put(*put) for put in puts], [Delete(key) for key in deletes])
        self.model.update(puts)
        for key in deletes:
            self.model.pop(key, None)
        assert [change.revision for change in changes] == list(range(self.told + 1, self.told + 1 + len(changes)))
        self.told += len(changes)

    @rule(prefix=st.sampled_from(["", "a/"]))
    def follow(self, prefix: str) -> None:
        reached, view = self.followers[prefix]
        answer = self.keyspace.watch([prefix], reached)
        if isinstance(answer, Resync):
            view = {entry.key: entry.value for entry in self.keyspace.range(prefix)}
        else:
            assert [change.revision for change in answer] == sorted({change.revision for change in answer})
            for change in answer:
                assert reached < change.revision
                if change.value is None:
                    del view[change.key]
                else:
                    view[change.key] = change.value
        assert view == {key: value for key, value in self.model.items() if key.startswith(prefix)}
        self.followers[prefix] = (self.keyspace.revision, view)

    @precondition(lambda self: self.told < 10_000)
    @rule(ahead=st.integers(0, 5))
    def jump(self, ahead: int) -> None:
        self.keyspace.jump_past(self.told + ahead)
        self.told += ahead + 1

    @invariant()
    def it_holds_what_was_put(self) -> None:
        assert {entry.key: entry.value for entry in self.keyspace.range("")} == self.model
        assert self.keyspace.revision == self.told


TestKeyspaceMachine = KeyspaceMachine.TestCase
TestKeyspaceMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
