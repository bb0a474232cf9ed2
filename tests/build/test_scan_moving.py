"""Files that somebody writes while a scan reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.scanner import store
from homeport.build.scanner.reading import SourceText

BASE = "class Base:\n    async def ask(self): return await self.{service}.count()\n"
SHOP = "from base import Base\nfrom homeport import service\n@service\nclass Shop(Base): ...\n"


@pytest.mark.parametrize("written", [["depot"], ["cart", "depot"], ["depot", "cart"]], ids=" ".join)
def test_a_plan_of_files_that_were_written_meanwhile_is_not_taken_for_theirs_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: list[str]
) -> None:
    """``written`` is what the base calls after each time that it was read, ``cart`` before."""
    app, cache, pending = tmp_path / "app", tmp_path / "cache", list(written)
    app.mkdir()
    (app / "base.py").write_text(BASE.format(service="cart"))
    (app / "shop.py").write_text(SHOP)
    read = store.read_source

    def read_and_write(path: str) -> SourceText:
        text = read(path)
        if path.endswith("base.py") and pending:
            (app / "base.py").write_text(BASE.format(service=pending.pop(0)))
        return text

    with monkeypatch.context() as patched:
        patched.setattr(store, "read_source", read_and_write)
        scan(".", app, cache=cache)
    assert not pending
    again = scan(".", app, cache=cache)
    assert again == scan(".", app)
    assert [dependency.service for dependency in again.services[0].dependencies] == written[-1:]
