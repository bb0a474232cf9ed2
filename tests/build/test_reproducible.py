"""The same input gives the same bytes, wherever it lies and however the process is started."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
GRAPHS = ("graph.mmd", "graph.dot", "graph.svg", "graph.html", "graph.txt")
KINDS = ("registry", "registry.json", *GRAPHS, "openapi.json", "client.json")
# Where the application is copied to, the order in which its files are made, and the seed of the hashes of strings.
SURROUNDINGS = (("one/shop", 1, "0"), ("two/deeper/below/shop", 2, "1"), ("three with a space/shop", 3, "4294967295"))

Outputs = dict[str, bytes]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Outputs]:
    top = tmp_path_factory.mktemp("reproducible")
    return [write_outputs(top / place, order, seed) for place, order, seed in SURROUNDINGS]


def write_outputs(app: Path, order: int, hash_seed: str) -> Outputs:
    paths = sorted(path for path in (ROOT / "examples/boutique").rglob("*") if path.is_file() and path.suffix != ".pyc")
    random.Random(order).shuffle(paths)
    for path in paths:
        copy = app / path.relative_to(ROOT / "examples/boutique")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        os.utime(copy, (order * 1e6, order * 1e6))
    out = app.parent / "out"
    out.mkdir()
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": ("UTC", "Asia/Tokyo")[order % 2]}
    command = [sys.executable, "-m", "tests.build.written_outputs", str(app), str(out)]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_is_the_same_in_any_folder_with_any_order_of_files_and_any_hashes(
    written: list[Outputs], kind: str
) -> None:
    first, *others = (outputs[kind] for outputs in written)
    assert first
    for other in others:
        assert other == first


def test_no_output_names_the_folder_that_the_application_lies_in(written: list[Outputs]) -> None:
    for kind, content in written[1].items():
        assert b"deeper" not in content, kind


def test_every_kind_of_output_is_compared(written: list[Outputs]) -> None:
    assert set(written[0]) == set(KINDS)
