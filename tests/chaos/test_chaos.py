"""A shop of real processes under load, some of which are killed or stopped: ``make chaos`` does it for minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.plan import DOUBLE, KILLS, KINDS
from tests.chaos.run import chaos


@pytest.mark.timeout(150)
async def test_a_worker_the_front_and_the_node_are_killed_and_no_promise_is_broken(tmp_path: Path) -> None:
    report = await chaos(tmp_path, seed=3, count=len(KILLS), kinds=KILLS)
    assert report.broken == []
    assert len(report.calls) > 100
    assert report.gone > 0


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_processes_are_killed_and_stopped_for_longer_than_a_lease_and_no_promise_is_broken(
    tmp_path: Path,
) -> None:
    kinds = KINDS + DOUBLE
    report = await chaos(tmp_path, seed=5, count=2 * len(kinds), kinds=kinds)
    assert report.broken == []
