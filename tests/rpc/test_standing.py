"""A process's standing with the registry, when there is no registry any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from homeport.model import Cause
from homeport.rpc import standing as module
from homeport.rpc.standing import Hosting, Standing


async def test_a_worker_whose_node_is_gone_leaves_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVE_WITHIN", 0.01)
    async with Standing(f"unix:{tmp_path}/gone.sock", name="worker w-1", kind="worker", hosting=Hosting()) as standing:
        await standing.leave(Cause(what="orphaned", actor="worker w-1"))
