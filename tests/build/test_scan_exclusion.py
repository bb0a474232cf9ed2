"""What a scan looks through is part of every release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.build.scanner.exclusion import Exclusion
from homeport.build.scanner.sources import Sources, python_files
from homeport.node.releases import Releases

Write = Callable[[dict[str, str]], Path]
FILES = (
    *("app.py", "shop/__init__.py", "shop/old/gone.py", "shop/new.py", "shop/orders_pb2.py", "legacy/a.py"),
    *("node_modules/x.py", "__pycache__/y.py", ".hidden/z.py", "venv/lib/v.py", "venv/pyvenv.cfg", "tests/t.py"),
    *("state/format", "state/releases/1/app.py", "state/registry/x", "test_app.py", "conftest.py", "deep/tests/u.py"),
)


@pytest.mark.parametrize(
    "exclude",
    [(), ("legacy",), ("legacy/",), ("*_pb2.py",), ("shop/old",), ("shop/old/*",), ("old/*.py",), ("s*",), ("*",)],
)
@pytest.mark.parametrize("scope", ["", "shop"])
def test_a_release_has_every_file_that_a_scan_reads(write: Write, exclude: tuple[str, ...], scope: str) -> None:
    root = write(dict.fromkeys(FILES, "")).resolve()
    (root / ".homeport").mkdir()
    release = Releases(root / ".homeport").make(root, exclude)
    read = {path.relative_to(root) for path in python_files(root / scope, exclude, root=root)}
    copied = {path.relative_to(release.root) for path in release.root.rglob("*.py")}
    assert read <= copied
    assert {path.name for path in copied - read if scope == ""} <= {"t.py", "u.py", "test_app.py", "conftest.py"}


def test_a_glob_may_name_folders_from_the_import_root_or_from_what_was_asked_for(write: Write) -> None:
    root = write(dict.fromkeys(FILES, "")).resolve()
    for exclude in ("shop/old", "old", "shop/old/gone.py", "old/gone.py"):
        for scope in (root, root / "shop"):
            sources = Sources(root)
            sources.look_through(scope, [exclude])
            assert not any(path.name == "gone.py" for path in python_files(scope, [exclude], root=root))
            assert sources.files == len(list(python_files(scope, [exclude], root=root)))


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_is_a_glob(glob: str, name: str) -> None:
    assert isinstance(Exclusion([glob]).skips(name, f"a/{name}"), bool)
