"""Files that other processes have read tell the same, and none is lost when such a process fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeport.build.application import scan
from homeport.build.scanner import parallel
from homeport.build.scanner.parallel import divide
from homeport.build.scanner.store import FileReading

SERVICE = "from homeport import service\n@service\nclass S{n}:\n    async def go(self): return await self.s{m}.go()\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for number in range(30):
        (tmp_path / f"part_{number}.py").write_text(SERVICE.format(n=number, m=number + 1))
    (tmp_path / "broken.py").write_text("class Broken\n")
    return tmp_path.resolve()


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even small files are shared among three processes."""
    monkeypatch.setattr(parallel, "PAYS_FROM", 500)
    monkeypatch.setattr(parallel, "cores", lambda: 3)


@pytest.mark.parametrize("cached", [True, False])
def test_several_processes_read_what_one_reads(
    app: Path, monkeypatch: pytest.MonkeyPatch, helpers: None, cached: bool
) -> None:
    heard: list[int] = []
    real = parallel.Helper.wait

    def wait(helper: parallel.Helper) -> list[FileReading]:
        told = real(helper)
        heard.append(len(told))
        return told

    monkeypatch.setattr(parallel.Helper, "wait", wait)
    shared = scan(".", app, cache=app / "cache" if cached else None)
    assert len(heard) == 2
    assert all(heard)
    monkeypatch.setattr(parallel, "cores", lambda: 1)
    assert shared == scan(".", app)


@pytest.mark.usefixtures("helpers")
@pytest.mark.parametrize("program", [("/no/such/program",), ("/bin/false",), ("/bin/echo",)])
def test_a_helper_that_fails_is_done_without(
    app: Path, monkeypatch: pytest.MonkeyPatch, program: tuple[str, ...]
) -> None:
    expected = scan(".", app)
    monkeypatch.setattr(parallel, "own_program", lambda: program)
    assert scan(".", app) == expected


def test_a_small_application_starts_no_other_process(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "cores", lambda: 8)
    monkeypatch.setattr(parallel, "own_program", lambda: pytest.fail("started"))
    assert len(scan(".", app).services) == 30


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.integers(0, 10_000)), st.integers(0, 9))
def test_shares_hold_each_file_once_and_about_as_many_bytes(sizes: dict[str, int], count: int) -> None:
    shares = divide(sizes, count)
    assert sorted(path for share in shares for path in share) == sorted(sizes)
    assert len(shares) <= max(1, count)
    assert all(shares)
    largest = max(sizes.values(), default=0)
    assert all(sum(sizes[path] for path in share) <= sum(sizes.values()) / max(1, count) + largest for share in shares)
