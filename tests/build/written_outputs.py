"""Everything that is generated of an application, written by a process of its own: ``… TARGET FOLDER``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from homeport.build.analyzer.graph import service_graph
from homeport.build.application import scan
from homeport.build.generator.client.package import client_package
from homeport.build.generator.dot import dot
from homeport.build.generator.mermaid import mermaid
from homeport.build.generator.registry import built_registry, source_digest
from homeport.build.generator.svg import page, svg
from homeport.build.generator.tree import lines
from homeport.build.reflection import reflect
from homeport.http.openapi import document


def outputs(target: Path) -> dict[str, bytes]:
    """Each kind of output by its file name."""
    plan = scan(str(target), target.parent)
    reflection = reflect(plan)
    assert not reflection.findings
    registry = built_registry(plan, reflection, source_digest(plan))
    graph = service_graph(plan)
    openapi = document(reflection.contracts.values(), version="1")
    client = client_package(reflection.contracts.values(), name="shop_client", application="shop", version="1")
    texts = {
        "registry.json": registry.to_json(),
        "graph.mmd": mermaid(graph),
        "graph.dot": dot(graph),
        "graph.svg": svg(graph, title="shop"),
        "graph.html": page(graph, title="shop"),
        "graph.txt": "\n".join(lines(graph)),
        "openapi.json": json.dumps(openapi),
        "client.json": json.dumps(client),
    }
    return {"registry": registry.to_bytes(), **{name: text.encode() for name, text in texts.items()}}


if __name__ == "__main__":
    for name, content in outputs(Path(sys.argv[1])).items():
        Path(sys.argv[2], name).write_bytes(content)
