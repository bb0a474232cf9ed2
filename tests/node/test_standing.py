"""What is decided outlives the node process, until the source says something new."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from homeport.build.plan import Location, Plan, PlannedService
from homeport.node.application import Edition
from homeport.node.releases import Release, differing
from homeport.node.rollout import Rollout, Stage, Version
from homeport.node.standing import Standing, StandingFile, resumed

CART = PlannedService(name="cart", location=Location(module="cart", qualname="Cart", path="cart.py", line=1))
PLAN = Plan(root="/app", services=(CART,))


def edition(folder: Path, name: str) -> Edition:
    (folder / name).mkdir(exist_ok=True)
    return Edition(plan=PLAN, release=Release(id=name, root=folder / name))


def deployed(**fields: object) -> Standing:
    """The source is r1; r2 was deployed, from elsewhere."""
    base = Standing(
        source="r1",
        latest="r2",
        versions={"cart": Version("r2", 1)},
        plans={"r1": PLAN, "r2": PLAN},
        previous={"cart": Version("r1")},
        previous_latest="r1",
        number=1,
        fence=7,
    )
    return msgspec.structs.replace(base, **fields)


def test_what_was_kept_is_read_again(tmp_path: Path) -> None:
    file = StandingFile(tmp_path / "standing.json")
    assert file.read() is None
    file.keep(deployed())
    assert StandingFile(tmp_path / "standing.json").read() == deployed()
    assert (tmp_path / "standing.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b'{"versions": 3}'])
def test_what_cannot_be_understood_counts_as_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "standing.json").write_bytes(content)
    assert StandingFile(tmp_path / "standing.json").read() is None


def test_plans_of_releases_that_nobody_speaks_of_are_not_kept(tmp_path: Path) -> None:
    file = StandingFile(tmp_path / "standing.json")
    file.keep(deployed(previous={}, previous_latest=""))
    kept = file.read()
    assert kept is not None
    assert set(kept.plans) == {"r2"}


def test_releases_of_a_rollout_that_runs_are_spoken_of() -> None:
    rollout = Rollout(
        id="deploy-2", kind="deploy", actor="", before={}, after={"cart": Version("r3", 2)}, steps=(), release="r3"
    )
    assert "r3" in deployed(rollout=rollout).releases()


def test_the_same_source_goes_on_with_what_was_decided(tmp_path: Path) -> None:
    edition(tmp_path, "r2")
    standing, editions = resumed(deployed(), edition(tmp_path, "r1"), tmp_path)
    assert standing == deployed()
    assert editions["r2"].release.root == tmp_path / "r2"


def test_a_new_source_is_run_as_it_is_and_no_number_is_used_twice(tmp_path: Path) -> None:
    edition(tmp_path, "r2")
    standing, editions = resumed(deployed(), edition(tmp_path, "r9"), tmp_path)
    assert (standing.latest, standing.versions) == ("r9", {"cart": Version("r9")})
    assert (standing.number, standing.fence, standing.rollout) == (1, 7, None)
    assert set(editions) == {"r9"}


def test_a_copy_that_is_gone_leaves_the_source(tmp_path: Path) -> None:
    standing, _ = resumed(deployed(), edition(tmp_path, "r1"), tmp_path)
    assert standing.latest == "r1"


def test_the_first_start_runs_the_source(tmp_path: Path) -> None:
    standing, _ = resumed(None, edition(tmp_path, "r1"), tmp_path)
    assert (standing.source, standing.latest, standing.number) == ("r1", "r1", 0)


def test_an_interrupted_rollout_is_taken_up_where_it_was(tmp_path: Path) -> None:
    going = Rollout(
        id="deploy-2",
        kind="deploy",
        actor="",
        before={"cart": Version("r2", 1)},
        after={"cart": Version("r1", 2)},
        steps=(),
        stage=Stage.SOAKING,
    )
    edition(tmp_path, "r2")
    standing, _ = resumed(deployed(rollout=going), edition(tmp_path, "r1"), tmp_path)
    assert standing.rollout == going


def test_releases_differ_in_what_was_changed_added_or_removed(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for root, files in (
        (one, {"a.py": "1", "b/c.py": "2", "old.py": "3"}),
        (other, {"a.py": "1", "b/c.py": "9", "new": ""}),
    ):
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    (one / "a.pyc").write_text("made by running it")
    assert differing(one, other) == {"b/c.py", "old.py", "new"}
