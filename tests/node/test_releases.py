"""Releases: immutable copies of the application, named by their content."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from homeport.node import releases as module
from homeport.node.releases import Release, ReleaseFailed, Releases
from homeport.nodes import prepare_data_folder


@pytest.fixture
def app(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    write(root, "shop/cart.py", "CART = 1\n")
    write(root, "shop/data/products.json", "[]")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "releases"
    folder.mkdir()
    return folder


def write(root: Path, name: str, content: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def age(root: Path) -> None:
    """Let all files look settled: the fast path does not trust younger ones."""
    for path in root.rglob("*"):
        os.utime(path, (1, 1))


def copied(release: Release) -> set[str]:
    return {path.relative_to(release.root).as_posix() for path in release.root.rglob("*") if path.is_file()}


def test_a_release_holds_the_application_with_its_data(app: Path, folder: Path) -> None:
    release = Releases(folder).make(app)
    assert copied(release) == {"shop/cart.py", "shop/data/products.json"}
    assert release.root == folder / release.id
    assert len(release.id) == 12


def test_its_files_are_read_only(app: Path, folder: Path) -> None:
    release = Releases(folder).make(app)
    assert stat.S_IMODE((release.root / "shop/cart.py").stat().st_mode) == 0o444


def test_the_same_content_is_the_same_release(app: Path, folder: Path, tmp_path: Path) -> None:
    first = Releases(folder).make(app)
    assert Releases(folder).make(app).id == first.id
    app.rename(tmp_path / "elsewhere")
    assert Releases(folder).make(tmp_path / "elsewhere").id == first.id


def test_another_content_name_or_mode_is_another_release(app: Path, folder: Path) -> None:
    made = Releases(folder)
    ids = [made.make(app).id]
    write(app, "shop/cart.py", "CART = 2\n")
    ids.append(made.make(app).id)
    (app / "shop/cart.py").chmod(0o755)
    ids.append(made.make(app).id)
    (app / "shop/cart.py").rename(app / "shop/basket.py")
    ids.append(made.make(app).id)
    assert len(set(ids)) == 4


def test_an_edit_does_not_reach_a_release(app: Path, folder: Path) -> None:
    release = Releases(folder).make(app)
    write(app, "shop/cart.py", "CART = 2\n")
    assert (release.root / "shop/cart.py").read_text() == "CART = 1\n"


@pytest.mark.parametrize(
    "name",
    [".git/config", ".env", "venv/pyvenv.cfg", "venv/lib/big.py", "node_modules/x.js", "shop/__pycache__/cart.pyc"],
)
def test_what_tools_made_stays_out(app: Path, folder: Path, name: str) -> None:
    write(app, "venv/pyvenv.cfg", "")
    write(app, name, "x")
    assert copied(Releases(folder).make(app)) == {"shop/cart.py", "shop/data/products.json"}


@pytest.mark.parametrize("glob", ["raw", "shop/raw", "shop/raw/", "*.bin", "shop/raw/*"])
def test_what_is_excluded_stays_out(app: Path, folder: Path, glob: str) -> None:
    write(app, "shop/raw/scan.bin", "x")
    assert copied(Releases(folder).make(app, [glob])) == {"shop/cart.py", "shop/data/products.json"}


def test_of_a_folder_that_is_no_project_only_what_is_named_is_copied(app: Path, folder: Path) -> None:
    write(app, "photos/shop/a.jpg", "")
    write(app, "common.py", "")
    assert copied(Releases(folder).make(app, tops={"shop"})) == {"shop/cart.py", "shop/data/products.json"}


def test_links_are_followed_once(app: Path, folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "shared", "common.py", "")
    (app / "shared").symlink_to(tmp_path / "shared")
    (app / "shop" / "circle").symlink_to(app)
    (app / "broken").symlink_to(tmp_path / "nowhere")
    assert "shared/common.py" in copied(Releases(folder).make(app))


def test_the_data_folder_stays_out_wherever_it_is(app: Path) -> None:
    prepare_data_folder(app / "data")
    folder = app / "data" / "releases"
    write(app, "data/registry/journal.sqlite", "state")
    write(app, "shop/data/releases.json", "[]")
    assert copied(Releases(folder).make(app)) == {"shop/cart.py", "shop/data/products.json", "shop/data/releases.json"}


def test_a_file_that_goes_away_meanwhile_is_no_part(app: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(app, "cart.py~", "an editor's")
    copy = module._copy_file

    def replaced(file: module._File, target: Path) -> tuple[bytes, int]:
        (app / "cart.py~").unlink(missing_ok=True)
        return copy(file, target)

    monkeypatch.setattr(module, "_copy_file", replaced)
    assert copied(Releases(folder).make(app)) == {"shop/cart.py", "shop/data/products.json"}


def test_links_to_themselves_and_artefacts_made_before_are_no_part(app: Path, folder: Path) -> None:
    (app / "self").symlink_to("self")
    for name in ("shop", "shop.registry.json", "shop.cdx.json"):
        write(app, f"out/{name}", "")
    assert copied(Releases(folder).make(app)) == {"shop/cart.py", "shop/data/products.json"}


def test_unchanged_files_are_not_read_again(app: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Releases(folder)
    age(app)
    monkeypatch.setattr(module, "_SETTLED", -60.0)  # the kernel's own time of change cannot be set back
    first = made.make(app)
    monkeypatch.setattr(module, "_copy_file", lambda *_: pytest.fail("read again"))
    assert made.make(app).id == first.id


def test_a_file_that_is_too_young_is_read_again(app: Path, folder: Path) -> None:
    Releases(folder).make(app)
    assert not (folder / "seen.json").exists()


def test_a_release_that_a_power_cut_damaged_is_made_again(
    app: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SETTLED", -60.0)
    release = Releases(folder).make(app)
    (release.root / "shop/cart.py").unlink()
    (release.root / "shop/cart.py").touch()
    assert Releases(folder).make(app).id == release.id
    assert (release.root / "shop/cart.py").read_text() == "CART = 1\n"


def test_several_at_once_make_one_release(app: Path, folder: Path) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(Releases(folder).make(app).id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 1
    assert len(ids) == 8
    assert not list(folder.glob(".copy-*"))


def test_only_the_latest_and_those_in_use_are_kept(app: Path, folder: Path) -> None:
    made, ids = Releases(folder), []
    for number in range(8):
        write(app, "shop/cart.py", f"CART = {number}\n")
        ids.append(made.make(app).id)
        os.utime(folder / ids[-1], (number, number))
    made.prune(in_use={ids[0]}, keep=3)
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {ids[0], *ids[-3:]}
    assert {path.stem for path in folder.glob("*.json")} == {ids[0], *ids[-3:]}


def test_a_copy_that_was_interrupted_long_ago_is_removed(folder: Path) -> None:
    for name, when in ((".copy-old", 1.0), (".copy-new", None)):
        (folder / name).mkdir()
        if when is not None:
            os.utime(folder / name, (when, when))
    Releases(folder).prune(in_use=())
    assert {path.name for path in folder.iterdir()} == {".copy-new"}


def test_a_full_disk_says_how_to_make_room(app: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "cart.py")

    monkeypatch.setattr(module, "_copy_file", full)
    with pytest.raises(ReleaseFailed, match=r"no room in .*MB free.*exclude"):
        Releases(folder).make(app)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError, IsADirectoryError])
def test_a_file_that_cannot_be_copied_is_named(
    app: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    def refused(*_: object) -> None:
        raise error(errno.EACCES, "refused", "cart.py")

    monkeypatch.setattr(module, "_copy_file", refused)
    with pytest.raises(ReleaseFailed, match=r"cart\.py.*exclude"):
        Releases(folder).make(app)


def test_a_large_application_is_told_what_to_exclude(app: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGE_BYTES", 5)
    (finding,) = Releases(folder).make(app).findings
    assert finding.severity == "warning"
    assert "shop" in finding.message
    assert "exclude" in finding.hint
