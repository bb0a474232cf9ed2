"""Which source an artefact says that it was made of."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from homeport.build.packager.revision import source_revision, source_time


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=x", "-c", "user.email=x@x", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "shop")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_tag_names_the_source(checkout: Path) -> None:
    git(checkout, "tag", "v1.2")
    assert source_revision(checkout / "shop") == "v1.2"
    assert source_time(checkout / "shop") > 1_600_000_000


def test_a_changed_or_a_new_file_makes_it_dirty(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")[:12]
    assert source_revision(checkout / "shop") == commit
    (checkout / "shop" / "new.py").write_text("")
    assert source_revision(checkout / "shop") == f"{commit}-dirty"
    git(checkout, "add", "shop")
    git(checkout, "commit", "-q", "-m", "second")
    (checkout / "shop" / "cart.py").write_text("x = 1")
    assert source_revision(checkout / "shop").endswith("-dirty")


def test_where_there_is_no_git_its_files_still_tell_the_commit(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = git(checkout, "rev-parse", "HEAD")[:12]
    monkeypatch.setenv("PATH", str(checkout / "nothing"))
    assert source_revision(checkout / "shop") == commit
    monkeypatch.undo()
    git(checkout, "pack-refs", "--all")
    monkeypatch.setenv("PATH", str(checkout / "nothing"))
    assert source_revision(checkout / "shop") == commit


def test_source_that_nobody_keeps_has_no_revision(tmp_path: Path) -> None:
    assert source_revision(tmp_path) == ""
    assert source_time(tmp_path) == 0
