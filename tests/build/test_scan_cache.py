"""A scan with a cache sees what a scan without one sees, whatever happened to the files or to the cache."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.build.application import scan
from homeport.build.plan import Plan
from homeport.build.scanner import cache as cache_module
from homeport.build.scanner import reading, sources, store
from homeport.build.scanner.cache import ScanCache, cache_name
from homeport.build.scanner.reading import SourceText
from homeport.build.scanner.sources import Sources

BASE = "class Base:\n    async def based(self):\n        return await self.{other}.go()\n"
SERVICE = """\
from homeport import service
from base import Base
@service
class {name}(Base):
    async def go(self):
        return await self.{other}.go()
"""


class App:
    """Files in a folder, with a cache beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / ".homeport" / "cache"

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def scan(self, **options: Any) -> Plan:
        return scan(".", self.root, cache=self.cache, **options)

    def fresh(self) -> Plan:
        return scan(".", self.root)

    @property
    def file(self) -> Path:
        return self.cache / cache_name(self.root)


def made(root: Path) -> App:
    """Two services, their base class, and a file that nobody imports."""
    app = App(root.resolve())
    app.write("base.py", BASE.format(other="cart"))
    app.write("cart.py", SERVICE.format(name="Cart", other="stock"))
    app.write("stock.py", SERVICE.format(name="Stock", other="nowhere"))
    app.write("alone.py", "LIMIT = 3\n")
    return app


@pytest.fixture
def app(tmp_path: Path) -> App:
    return made(tmp_path)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scans take place an hour from now: what was written before is not young any more."""
    real = time_ns
    monkeypatch.setattr(sources, "time_ns", lambda: real() + 3_600_000_000_000)


@contextmanager
def readings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the files that are read meanwhile."""
    names: list[str] = []
    real = reading.read_source

    def read(path: str) -> SourceText:
        names.append(os.path.basename(path))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(store, "read_source", read)
        yield names


# -- what is read again ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("settled")
def test_what_stands_unchanged_is_not_read_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    first = app.scan()
    with readings(monkeypatch) as read:
        assert app.scan() == first
    assert read == []


@pytest.mark.usefixtures("settled")
def test_only_what_changed_is_read_again(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.scan()
    app.write("stock.py", SERVICE.format(name="Stock", other="cart"))
    with readings(monkeypatch) as read:
        plan = app.scan()
    assert set(read) == {"stock.py"}
    assert plan == app.fresh()


def test_a_file_changed_just_now_is_compared_by_content_until_its_times_can_tell(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.scan()
    with readings(monkeypatch) as read:
        app.scan()
    assert set(read) == {"alone.py", "base.py", "cart.py", "stock.py"}


@pytest.mark.usefixtures("settled")
def test_contents_are_compared_when_times_are_not_to_be_trusted(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    first = app.scan()
    with readings(monkeypatch) as read:
        assert app.scan(trust="content") == first
    assert set(read) == {"alone.py", "base.py", "cart.py", "stock.py"}


@pytest.mark.usefixtures("settled")
def test_a_change_that_keeps_size_and_time_is_seen(app: App) -> None:
    app.scan()
    before = (app.root / "cart.py").stat()
    app.write("cart.py", SERVICE.format(name="Card", other="stock"))
    os.utime(app.root / "cart.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert app.scan() == app.fresh()
    assert [service.name for service in app.scan().services] == ["card", "stock"]


@pytest.mark.usefixtures("settled")
def test_a_touched_file_is_the_same_file(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    first = app.scan()
    os.utime(app.root / "cart.py", (1, 1))
    with readings(monkeypatch) as read:
        assert app.scan() == first
        assert app.scan() == first
    assert read == ["cart.py"]


@pytest.mark.usefixtures("settled")
def test_a_new_file_may_change_what_an_import_means(app: App) -> None:
    app.write("cart.py", SERVICE.format(name="Cart", other="stock").replace("from base", "from lib.base"))
    assert "lib/base.py" not in app.scan().services[0].files
    app.write("lib/base.py", "class Base: ...\n")
    assert "lib/base.py" in app.scan().services[0].files
    assert app.scan() == app.fresh()


@pytest.mark.usefixtures("settled")
def test_what_lies_beyond_the_scope_is_watched_too(app: App) -> None:
    app.write("shop/__init__.py", "")
    app.write("shop/sub/__init__.py", "")
    app.write("shop/lib.py", "class Base: ...\n")
    app.write("shop/sub/pay.py", SERVICE.format(name="Pay", other="stock").replace("base", "shop.lib"))

    def both() -> tuple[Plan, Plan]:
        return scan("shop/sub", app.root, cache=app.cache), scan("shop/sub", app.root)

    cached, fresh = both()
    assert cached == fresh
    app.write("shop/lib.py", "class Base:\n    async def go(self): return await self.bank.go()\n")
    cached, fresh = both()
    assert cached == fresh
    (app.root / "shop" / "lib.py").unlink()
    cached, fresh = both()
    assert cached == fresh
    assert cached.services[0].files == ("shop/__init__.py", "shop/sub/__init__.py", "shop/sub/pay.py")


@pytest.mark.usefixtures("settled")
def test_a_folder_beyond_the_scope_that_is_gone_is_no_failure(app: App) -> None:
    app.write("shop/pay.py", SERVICE.format(name="Pay", other="stock").replace("base", "lib.deep.base"))
    app.write("lib/deep/base.py", "class Base: ...\n")
    assert scan("shop/pay.py", app.root, cache=app.cache) == scan("shop/pay.py", app.root)
    (app.root / "shop" / "lib" / "deep").mkdir(parents=True)
    shutil.rmtree(app.root / "lib")
    assert scan("shop/pay.py", app.root, cache=app.cache) == scan("shop/pay.py", app.root)


@pytest.mark.usefixtures("settled")
def test_what_no_import_could_mean_changes_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    app.write("shop/__init__.py", "")
    app.write("shop/pay.py", SERVICE.format(name="Pay", other="stock"))
    scan("shop", app.root, cache=app.cache)
    app.write("shop/data/rows/a.csv", "1,2")
    app.write("shop/__pycache__/pay.pyc", "")
    app.write("shop/.hidden/pay.py", "")
    app.write("beside.py", "LIMIT = 1")
    (app.root / "aside").mkdir()
    monkeypatch.setattr(Sources, "mattering", lambda _: pytest.fail("looked at files again"))
    assert [service.name for service in scan("shop", app.root, cache=app.cache).services] == ["pay"]


@pytest.mark.usefixtures("settled")
def test_a_folder_that_gets_its_first_source_file_may_be_what_is_imported(app: App) -> None:
    (app.root / "lib").mkdir()
    app.write("cart.py", SERVICE.format(name="Cart", other="stock").replace("from base", "from lib.base"))
    assert app.scan() == app.fresh()
    app.write("lib/base.py", "class Base:\n    async def more(self): return await self.bank.go()\n")
    assert app.scan() == app.fresh()
    assert "bank" in [one.service for one in app.scan().services[0].dependencies]


@pytest.mark.usefixtures("settled")
def test_each_target_and_setting_has_a_plan_of_its_own(app: App) -> None:
    for _ in range(2):
        for target, exclude in ((".", ()), ("cart.py", ()), ("cart.py:Cart", ()), (".", ("stock.py",))):
            assert scan(target, app.root, exclude, cache=app.cache) == scan(target, app.root, exclude)


@pytest.mark.usefixtures("settled")
def test_other_targets_keep_their_facts_and_lost_files_lose_theirs(app: App) -> None:
    app.scan()
    (app.root / "alone.py").unlink()
    app.write("cart.py", SERVICE.format(name="Cart", other="nothing"))
    scan("cart.py", app.root, cache=app.cache)
    assert set(ScanCache(app.cache, app.root).rows()) == {"base.py", "cart.py", "stock.py"}


def test_an_unreadable_file_is_tried_again_each_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def refuse(path: str, *rest: int) -> int:
        if str(path).endswith("cart.py"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert any(found.code == "HP004" for found in app.scan().findings)
    assert app.scan() == app.fresh()


# -- facts -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("order", [("whole", "facts"), ("facts", "whole"), ("whole",), ("facts",)])
def test_facts_are_the_same_in_whatever_order_they_are_asked_for(app: App, order: tuple[str, ...]) -> None:
    expected = Sources(app.root)
    facts = expected.at(app.root / "base.py")
    whole = expected.whole(facts)
    for _ in range(3):
        kept = Sources(app.root, app.cache)
        kept.look_through(app.root)
        for asked in order:
            found = kept.at(app.root / "base.py")
            assert found == facts
            if asked == "whole":
                assert kept.whole(found) == whole
        assert kept.mattering() == ["cart.py", "stock.py"]
        kept.keep(b"question", app.fresh())


EDITS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["a.py", "b.py", "lib/c.py", "lib/__init__.py", "tests/d.py"]),
            st.sampled_from(
                [
                    "",
                    "class Base:\n",
                    "class Base:\n    async def go(self): return await self.x.go()\n",
                    SERVICE.format(name="Cart", other="stock").replace("from base", "from a"),
                    SERVICE.format(name="Stock", other="cart").replace("from base", "from lib.c"),
                    "from lib import *\nfrom a import Base\n",
                    "from homeport import service as mark\n",
                    "from b import mark\n@mark\nclass Base:\n    async def go(self): ...\n",
                    "\xff",
                ]
            ),
        ),
        st.tuples(st.sampled_from(["a.py", "b.py", "lib/c.py", "lib/__init__.py"]), st.none()),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(EDITS, min_size=1, max_size=4), st.booleans(), st.sampled_from(["times", "content"]))
def test_after_any_edits_the_cache_tells_what_a_full_scan_tells(
    rounds: list[list[tuple[str, str | None]]], old: bool, trust: str
) -> None:
    real = time_ns
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if old:
            patch.setattr(sources, "time_ns", lambda: real() + 3_600_000_000_000)
        app = App(Path(folder).resolve())
        for edits in rounds:
            for name, text in edits:
                if text is not None:
                    app.write(name, text)
                else:
                    (app.root / name).unlink(missing_ok=True)
            assert app.scan(trust=trust) == app.fresh()
            assert app.scan(trust=trust) == app.fresh()


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("settled")
@given(place=st.floats(0, 1), bit=st.integers(0, 7))
@settings(deadline=None, max_examples=150)
def test_no_flipped_bit_changes_a_plan(place: float, bit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        app = made(Path(folder))
        expected = app.scan()
        app.write("alone.py", "LIMIT = 4\n")
        content = bytearray(app.file.read_bytes())
        content[min(int(place * len(content)), len(content) - 1)] ^= 1 << bit
        app.file.write_bytes(content)
        assert app.scan() == expected
        assert app.scan() == expected


@pytest.mark.usefixtures("settled")
def test_a_truncated_cache_is_never_misread(app: App) -> None:
    expected = app.scan()
    whole = app.file.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 100)):
        app.file.write_bytes(whole[:length])
        assert app.scan() == expected


@pytest.mark.usefixtures("settled")
def test_another_editions_cache_is_written_anew(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    first = app.scan()
    monkeypatch.setattr(cache_module, "edition", lambda: b"another version!")
    with readings(monkeypatch) as read:
        assert app.scan() == first
        assert set(read) == {"alone.py", "base.py", "cart.py", "stock.py"}
        read.clear()
        assert app.scan() == first
        assert read == []


def test_a_cache_of_another_root_is_not_taken_for_ones_own(app: App, tmp_path: Path) -> None:
    app.scan()
    other = made(tmp_path / "other")
    other.write("cart.py", SERVICE.format(name="Trolley", other="stock"))
    other.cache.mkdir(parents=True)
    other.file.write_bytes(app.file.read_bytes())
    assert other.scan() == other.fresh()


# -- folders -----------------------------------------------------------------------------------------------------------


def test_the_cache_ignores_itself_in_git(app: App) -> None:
    app.scan()
    assert (app.cache / ".gitignore").read_text() == "*\n"
    for private in (app.file, app.cache, app.cache.parent):
        assert private.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("hindrance", ["file", "folder"])
def test_without_a_place_for_the_cache_there_is_none_and_the_log_says_why(
    app: App, hindrance: str, caplog: pytest.LogCaptureFixture
) -> None:
    if hindrance == "file":
        app.cache.parent.mkdir()
        app.cache.write_text("in the way")
    else:
        app.file.mkdir(parents=True)
    with caplog.at_level(logging.DEBUG, logger="homeport"):
        assert app.scan() == app.scan() == app.fresh()
    said = [record for record in caplog.records if record.message == "scan.uncached"]
    assert said
    assert all(str(app.cache) in vars(record)["problem"] for record in said)


def test_a_read_only_folder_is_no_failure(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(cache_module, "write_private", refuse)
    assert app.scan() == app.scan() == app.fresh()
    assert not app.file.exists()


def test_what_nobody_asks_for_any_more_is_removed(app: App) -> None:
    app.scan()
    old, young, half = app.cache / "scan-0123-old.bin", app.cache / "scan-4567-young.bin", app.cache / ".scan-x.bin.ab"
    for path in (old, young, half):
        path.touch()
    for path in (old, half):
        os.utime(path, (1, 1))
    app.write("alone.py", "LIMIT = 5\n")
    app.scan()
    assert (old.exists(), young.exists(), half.exists()) == (False, True, False)


def test_many_processes_may_use_one_cache_at_once(app: App) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom homeport.build.application import scan\n"
        "root, number = Path(sys.argv[1]), sys.argv[2]\n"
        "for turn in range(5):\n"
        "    (root / f'own_{number}.py').write_text(f'LIMIT = {turn}')\n"
        "    assert len(scan('.', root, cache=root / '.homeport' / 'cache').services) == 2\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(app.root), str(number)]) for number in range(4)]
    assert [process.wait() for process in running] == [0, 0, 0, 0]
    assert app.scan() == app.fresh()
    assert [path.name for path in app.cache.iterdir() if path.name.startswith(".scan")] == []
