"""Pictures and texts of a service graph: readable by what reads them, and the same bytes each time."""

from __future__ import annotations

import random
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.build.analyzer.graph import (
    GraphCall,
    GraphService,
    ServiceGraph,
    linked_graph,
    merged_calls,
    service_graph,
)
from homeport.build.application import scan
from homeport.build.generator.dot import dot
from homeport.build.generator.mermaid import mermaid
from homeport.build.generator.svg import svg
from homeport.build.generator.tree import ASCII, lines

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    'a"b',
    "<script>alert(1)</script>",
    "end\nend",
    "x\\",
    "]]>",
    "ä 日本 \x00\x1b[31m",
    "%%{init}%%",
    "-- > ;",
    "",
]


def graph_of(*calls: tuple[str, str], kinds: dict[str, str] | None = None, **options: bool) -> ServiceGraph:
    names = sorted({name for call in calls for name in call})
    services = [GraphService(name=name, kind=(kinds or {}).get(name, "class"), **options) for name in names]
    return linked_graph(services, merged_calls(GraphCall(caller=a, callee=b, optional=b == "tips") for a, b in calls))


SHOP = graph_of(
    ("web", "cart"), ("web", "pay"), ("cart", "tips"), ("pay", "web"), ("cart", "gone"), ("cart", "my-bank"),
    kinds={"gone": "missing", "my-bank": "outside"},
)  # fmt: skip


@pytest.mark.parametrize("form", [dot, mermaid, lambda graph: svg(graph, title="shop")])
def test_the_same_graph_gives_the_same_bytes_however_it_was_put_together(form: object) -> None:
    calls, services = list(SHOP.calls), list(SHOP.services)
    random.Random(7).shuffle(calls)
    random.Random(8).shuffle(services)
    again = linked_graph(services, merged_calls(calls))
    assert form(again) == form(SHOP)  # type: ignore[operator]


def test_the_picture_says_what_it_shows_to_those_who_do_not_see_it() -> None:
    root = ElementTree.fromstring(svg(SHOP, title="shop"))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "shop"
    said = root.findtext(f"{SVG}desc")
    assert said == "5 services · 6 dependencies · start in 3 steps · 1 cycle · 1 not in the application"
    titles = [element.text for element in root.iter(f"{SVG}title")]
    assert "cart calls tips (can do without it, found by its use: nothing declares it)" in titles
    assert "gone is called, and is not in this application; it may be registered from outside" in titles


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4, unique=True))
def test_a_picture_is_well_formed_whatever_the_names(names: list[str]) -> None:
    calls = tuple((one, other) for one in names for other in names if one < other)
    graph = linked_graph(
        [GraphService(name=name) for name in sorted(names)],
        merged_calls(GraphCall(caller=caller, callee=callee) for caller, callee in calls),
    )
    root = ElementTree.fromstring(svg(graph, title=names[0]))
    shown = [element for element in root.iter(f"{SVG}g") if "service class" in (element.get("class") or "")]
    assert len([element for element in shown if element.get("id")]) == len(names)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_out_of_dot_or_mermaid(name: str) -> None:
    graph = linked_graph([GraphService(name=name), GraphService(name="b")], (GraphCall(caller=name, callee="b"),))
    flow = mermaid(graph).splitlines()
    assert flow[0] == "flowchart LR"
    assert sum(line.startswith("  s") for line in flow) == 3
    assert not any(set("<>\"\\%") & set(line.replace("<b>", "").replace("</b>", "").split('"')[1].replace("<br/>", "")
               .replace("<small>", "").replace("</small>", "")) for line in flow[1:3])  # fmt: skip
    digraph = dot(graph)
    assert digraph.count("\n") == 8
    assert digraph.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0


def test_services_that_share_a_worker_are_drawn_together() -> None:
    graph = linked_graph([GraphService(name="a", group="app"), GraphService(name="b", group="app")], ())
    assert "subgraph worker_app" in mermaid(graph)
    assert 'label="worker app"' in dot(graph)
    assert "shares a worker" in svg(graph, title="t")


def test_the_tree_shows_each_service_below_its_callers_and_its_own_calls_once() -> None:
    assert list(lines(SHOP)) == [
        "pay  needed by 1",
        "└── web  cycle · needed by 1",
        "    ├── cart  needed by 2",
        "    │   ├── gone  not here",
        "    │   ├── my-bank  outside · needed by 3",
        "    │   └── tips  optional",
        "    └── pay  cycle · …",
        "",
        "5 services · 6 dependencies · start in 3 steps · 1 cycle · 1 not in the application",
        "critical: my-bank (without it 3 of 4 others cannot work)",
        "critical: cart (without it 2 of 3 others cannot work)",
        "cycle: pay → web → pay",
        "not in the application: gone (called by cart)",
        "start order:",
        "  1. my-bank, tips",
        "  2. cart",
        "  3. pay, web",
    ]


def test_the_tree_of_a_long_chain_is_no_trouble_and_ascii_will_do() -> None:
    chain = graph_of(*((f"s{number:04}", f"s{number + 1:04}") for number in range(1500)))
    assert list(lines(chain, ASCII))[1] == "`-- s0001  needed by 1"


def test_the_picture_in_the_docs_is_the_one_that_is_drawn() -> None:
    root = Path(__file__).parents[2]
    drawn = svg(service_graph(scan("examples/boutique", root)), title="boutique")
    kept = (root / "docs" / "boutique.svg").read_text()
    lines_of_source = re.compile(r"(?<=\.py):\d+")
    assert lines_of_source.sub("", drawn) == lines_of_source.sub("", kept), (
        "run `homeport graph examples/boutique -o docs/boutique.svg`"
    )
