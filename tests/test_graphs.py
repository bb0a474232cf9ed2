"""Components, levels and reach of graphs of names."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.graphs import NeededBy, cycles, levels, strongly_connected

GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"), max_size=3))


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found, todo = set[str](), [start]
    while todo:
        for need in graph.get(todo.pop(), ()):
            if need not in found:
                found.add(need)
                todo.append(need)
    return found


def test_a_component_comes_after_all_that_it_needs() -> None:
    graph = {"shop": ["cart", "pay"], "cart": ["pay"], "pay": ["ledger"], "ledger": ["pay"]}
    assert strongly_connected(graph) == [("ledger", "pay"), ("cart",), ("shop",)]


def test_each_name_stands_above_what_it_needs_and_a_cycle_shares_a_level() -> None:
    graph = {"shop": ["cart", "pay"], "cart": ["pay"], "pay": ["ledger"], "ledger": ["pay"], "alone": []}
    assert levels(graph) == [("alone", "ledger", "pay"), ("cart",), ("shop",)]
    assert levels({}) == []


def test_a_cycle_is_told_by_a_shortest_path() -> None:
    assert cycles({"a": ["b"], "b": ["c", "a"], "c": ["a"], "d": ["a"], "e": ["e"]}) == [("a", "b"), ("e",)]


def test_a_name_is_needed_by_those_who_reach_it_and_never_by_itself() -> None:
    found = NeededBy({"a": ["b"], "b": ["c"], "c": ["b"]})
    assert [found.names(name) for name in "abc"] == [set(), {"a", "c"}, {"a", "b"}]
    assert [found.count(name) for name in "abc"] == [0, 2, 2]
    assert found.includes("c", ["a", "b"])
    assert not found.includes("b", ["b"])


def test_a_chain_of_thousands_does_not_exhaust_the_stack() -> None:
    graph = {f"s{number:04}": [f"s{number + 1:04}"] for number in range(5000)}
    assert len(levels(graph)) == len(strongly_connected(graph)) == 5001


@settings(deadline=None)
@given(GRAPHS)
def test_what_the_graph_functions_say_is_what_a_plain_search_finds(graph: dict[str, set[str]]) -> None:
    names = {*graph, *(need for needs in graph.values() for need in needs)}
    reach = {name: reached(graph, name) for name in names}
    components = strongly_connected(graph)
    for name in names:
        [own] = [members for members in components if name in members]
        assert set(own) == {name} | {other for other in reach[name] if name in reach[other]}
    level = {name: number for number, row in enumerate(levels(graph)) for name in row}
    assert level.keys() == names
    for name in names:
        for need in graph.get(name, ()):
            assert level[need] < level[name] or name in reach[need]
    found = NeededBy(graph)
    for name in names:
        assert found.names(name) == {other for other in names if name in reach[other]} - {name}
        assert found.count(name) == len(found.names(name))


@settings(deadline=None)
@given(GRAPHS)
def test_every_cycle_told_is_one_and_none_is_left_out(graph: dict[str, set[str]]) -> None:
    told = cycles(graph)
    for path in told:
        for one, other in zip(path, (*path[1:], path[0]), strict=True):
            assert other in graph[one]
    on_cycle = {name for name in graph if name in reached(graph, name)}
    assert len(told) == len({frozenset(m) for m in strongly_connected(graph) if set(m) <= on_cycle})
