"""The layered layout: what holds of every picture, whatever the graph."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.build.analyzer.graph import GraphCall, GraphService, ServiceGraph, linked_graph, merged_calls
from homeport.build.generator.drawing import BETWEEN_BOXES, drawn
from homeport.build.generator.layout.coordinates import coordinates
from homeport.build.generator.layout.crossings import crossings, neighbours, ordered
from homeport.build.generator.layout.layers import Layered

NAMES = [f"s{number}" for number in range(12)]
ARROWS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=30)


def graph_of(arrows: list[tuple[str, str]]) -> ServiceGraph:
    calls = merged_calls(GraphCall(caller=tail, callee=head) for tail, head in arrows)
    return linked_graph([GraphService(name=name) for name in NAMES], calls)


@settings(deadline=None)
@given(ARROWS)
def test_every_link_leads_to_the_next_layer_and_every_route_from_end_to_end(arrows: list[tuple[str, str]]) -> None:
    layered = Layered(NAMES, arrows)
    assert all(layered.layer[head] == layered.layer[tail] + 1 for tail, head in layered.links)
    for (tail, head), route in layered.routes.items():
        assert {route[0], route[-1]} == {tail, head}
        assert all(layered.is_bend(point) for point in route[1:-1])
        assert set(pairwise(route)) <= layered.links


def test_without_a_cycle_no_arrow_is_turned() -> None:
    assert Layered(list("abcd"), [("a", "b"), ("b", "c"), ("a", "c"), ("c", "d")]).turned == frozenset()
    assert len(Layered(list("abc"), [("a", "b"), ("b", "c"), ("c", "a")]).turned) == 1


def test_what_calls_only_late_stands_right_before_what_it_calls() -> None:
    layered = Layered(list("abcyz"), [("a", "b"), ("b", "c"), ("c", "z"), ("y", "z")])
    assert layered.layer == [0, 1, 2, 2, 3]


def test_long_arrows_to_one_name_share_their_bends() -> None:
    chain = [("a", "b"), ("b", "c"), ("c", "z")]
    layered = Layered(["a", "b", "c", "y", "z"], [*chain, ("a", "z"), ("b", "z"), ("y", "a")])
    assert layered.count == 7  # two bends on the way from a to z, and b's way is the second of them


@settings(deadline=None)
@given(ARROWS)
def test_ordering_keeps_every_point_and_never_adds_crossings(arrows: list[tuple[str, str]]) -> None:
    layered = Layered(NAMES, arrows)
    rows = layered.rows()
    better = ordered(rows, layered.links)
    _, after = neighbours(layered.links)
    assert [sorted(row) for row in better] == [sorted(row) for row in rows]
    assert ordered(better, layered.links) is not better
    assert crossings(better, after) <= max(crossings(rows, after), 30)


def test_a_picture_that_can_do_without_crossings_has_none() -> None:
    arrows = [("a", "x"), ("b", "y"), ("c", "z"), ("a", "y"), ("c", "y")]
    layered = Layered(["c", "a", "b", "z", "x", "y"], arrows)
    rows = ordered([[0, 1, 2], [4, 3, 5]], layered.links)
    assert crossings(rows, neighbours(layered.links)[1]) == 0


@settings(deadline=None)
@given(ARROWS)
def test_coordinates_keep_the_order_and_the_distances(arrows: list[tuple[str, str]]) -> None:
    layered = Layered(NAMES, arrows)
    rows = ordered(layered.rows(), layered.links)
    placed = coordinates(rows, layered.links, layered.is_bend, lambda one, other: 10.0)
    assert min(placed.values()) == 0
    for row in rows:
        assert all(placed[other] - placed[one] > 10.0 - 1e-6 for one, other in pairwise(row))


@settings(max_examples=50, deadline=None)
@given(ARROWS)
def test_no_box_touches_another_and_every_curve_runs_between_its_boxes(arrows: list[tuple[str, str]]) -> None:
    graph = graph_of(arrows)
    drawing = drawn(graph, dict.fromkeys(NAMES, 100.0))
    boxes = list(drawing.boxes.values())
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            beside = one.x + one.width < other.x or other.x + other.width < one.x
            assert beside or abs(one.y - other.y) >= one.height + BETWEEN_BOXES - 1e-6
    assert len(drawing.curves) == sum(call.caller != call.callee for call in graph.calls)
    for curve in drawing.curves:
        for name, (x, y) in ((curve.call.caller, curve.points[0]), (curve.call.callee, curve.points[-1])):
            box = drawing.boxes[name]
            assert min(abs(x - box.x), abs(x - box.x - box.width)) < 1e-6
            assert box.y <= y <= box.y + box.height
