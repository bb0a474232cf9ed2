"""Callers end before what they call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homeport.node.stages import stages

NAMES = "abcdef"


def test_callers_come_first() -> None:
    assert stages({"cart": ["stock"], "web": ["cart"], "stock": []}) == [{"web"}, {"cart"}, {"stock"}]


def test_those_that_do_not_call_each_other_end_together() -> None:
    assert stages({"a": ["c"], "b": ["c"], "c": []}) == [{"a", "b"}, {"c"}]


def test_a_circle_ends_together_and_after_its_callers() -> None:
    assert stages({"a": ["b"], "b": ["a", "c"], "c": [], "web": ["a"]}) == [{"web"}, {"a", "b"}, {"c"}]


def test_unknown_names_and_calls_of_oneself_do_not_matter() -> None:
    assert stages({"a": ["a", "outside"]}) == [{"a"}]


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES)), max_size=6))
def test_every_service_ends_once_and_never_before_a_caller_outside_its_circle(calls: dict[str, list[str]]) -> None:
    ordered = stages(calls)
    place = {name: number for number, stage in enumerate(ordered) for name in stage}
    assert sorted(place) == sorted(calls)
    assert sum(map(len, ordered)) == len(calls)
    for caller, called in calls.items():
        for name in called:
            if name in place:
                assert place[caller] <= place[name]
                if place[caller] == place[name] and caller != name:
                    assert caller in _reachable(name, calls)


def _reachable(start: str, calls: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    pending = [start]
    while pending:
        for name in calls.get(pending.pop(), []):
            if name not in found:
                found.add(name)
                pending.append(name)
    return found
