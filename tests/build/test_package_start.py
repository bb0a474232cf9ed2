"""How an artefact begins: where it unpacks itself, and what it says when there is no such place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.build.packager.selfextracting import self_extracting
from homeport.build.packager.site import PackagingFailed
from homeport.build.packager.zipapp import add_start
from homeport.unpacked import MARK

KEPT = "shop-0123456789abcdef"
PROGRAM = '#!/bin/sh\necho "$(dirname "$0")" "$@"\n'
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    """A folder with a program that says where it is, as one file."""
    folder = tmp_path / "folder"
    (folder / "inside").mkdir(parents=True)
    (folder / "shop").write_text(PROGRAM)
    (folder / "shop").chmod(0o755)
    (folder / "inside" / "data").write_bytes(bytes(range(256)) * 100)
    self_extracting(folder, tmp_path / "shop", name="shop", kept=KEPT)
    return tmp_path / "shop"


@pytest.fixture
def run(artefact: Path, tmp_path: Path) -> Run:
    def started(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        given = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path / "tmp"), **environ}
        (tmp_path / "tmp").mkdir(exist_ok=True)
        return subprocess.run([artefact, *arguments], env=given, capture_output=True, text=True, check=False)

    return started


def test_it_unpacks_below_home_and_runs_with_its_arguments(run: Run, tmp_path: Path) -> None:
    ran = run("ps", "two words", HOME=str(tmp_path))
    there = tmp_path / ".cache/homeport/unpacked/shop-0123456789abcdef"
    assert (ran.returncode, ran.stdout) == (0, f"{there} ps two words\n")
    assert (there / "inside" / "data").read_bytes() == bytes(range(256)) * 100
    assert (there / MARK).is_file()


def test_it_unpacks_once(run: Run, tmp_path: Path) -> None:
    run(HOME=str(tmp_path))
    there = tmp_path / ".cache/homeport/unpacked/shop-0123456789abcdef"
    (there / "shop").write_text("#!/bin/sh\necho as it was left\n")
    assert run(HOME=str(tmp_path)).stdout == "as it was left\n"


def test_the_cache_folder_of_the_environment_goes_before_home(run: Run, tmp_path: Path) -> None:
    assert str(tmp_path / "cache/homeport") in run(HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "cache")).stdout


def test_without_a_home_it_unpacks_into_a_private_temporary_folder_that_stays(run: Run, tmp_path: Path) -> None:
    ran = run()
    folder = tmp_path / "tmp" / f"homeport-unpacked-{os.getuid()}"
    assert ran.stdout.startswith(str(folder))
    assert folder.stat().st_mode & 0o777 == 0o700


if os.geteuid() != 0:  # root may write anywhere

    def test_a_read_only_home_is_passed_over(run: Run, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir(mode=0o555)
        assert run(HOME=str(home)).stdout.startswith(str(tmp_path / "tmp"))


def test_a_home_that_is_no_folder_is_passed_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(HOME=str(tmp_path / "file")).stdout.startswith(str(tmp_path / "tmp"))


if os.geteuid() == 0:  # only root can give files away

    def test_a_temporary_folder_of_somebody_else_is_never_run_from(run: Run, tmp_path: Path) -> None:
        folder = tmp_path / "tmp" / "homeport-unpacked-0"
        (folder / "shop-0123456789abcdef").mkdir(parents=True)
        trap = folder / "shop-0123456789abcdef" / "shop"
        trap.write_text("#!/bin/sh\necho trapped\n")
        trap.chmod(0o755)
        (folder / ".runs").touch(mode=0o700)
        os.chown(folder, 65534, 65534)
        ran = run()
        assert ran.returncode == 1
        assert "trapped" not in ran.stdout


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0,
    reason="mounting takes rights",
)
def test_a_home_from_which_nothing_may_be_run_is_passed_over(artefact: Path, tmp_path: Path) -> None:
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    script = f'mount -t tmpfs -o noexec tmpfs "$HOME" && exec {artefact} ps'
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    ran = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], env=environ, capture_output=True, text=True, check=False
    )
    assert ran.stdout.startswith(str(tmp_path / "tmp"))


def test_the_folder_that_is_asked_for_is_the_one_and_its_trouble_is_told(run: Run, tmp_path: Path) -> None:
    assert run(HOMEPORT_ROOT=str(tmp_path / "asked")).stdout.startswith(str(tmp_path / "asked"))
    (tmp_path / "file").write_text("")
    assert "into any of: unpacked\n" in run(HOMEPORT_ROOT="unpacked").stderr  # it would be another one in each folder
    refused = run(HOMEPORT_ROOT=str(tmp_path / "file"), HOME=str(tmp_path))
    assert refused.returncode == 1
    assert f"cannot unpack itself into any of: {tmp_path / 'file'}" in refused.stderr
    assert "HOMEPORT_ROOT=/FOLDER" in refused.stderr


def test_a_folder_that_went_read_only_is_told_in_words_of_its_own(run: Run, tmp_path: Path) -> None:
    (tmp_path / "asked").mkdir()
    (tmp_path / "asked" / ".runs").touch(mode=0o700)  # it was tried before
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "mktemp").write_text("#!/bin/sh\necho 'mktemp: read-only' >&2; exit 1\n")
    (tmp_path / "tools" / "mktemp").chmod(0o755)
    path = f"{tmp_path / 'tools'}:{os.environ['PATH']}"
    first, following = run(HOMEPORT_ROOT=str(tmp_path / "asked"), PATH=path).stderr.splitlines()
    assert first.endswith(f"could not be unpacked into {tmp_path / 'asked'}: mktemp: read-only")
    assert "HOMEPORT_ROOT=/FOLDER" in following


def test_a_file_that_was_cut_off_is_not_run(run: Run, artefact: Path, tmp_path: Path) -> None:
    artefact.write_bytes(artefact.read_bytes()[:-200])
    ran = run(HOME=str(tmp_path))
    assert ran.returncode == 1
    first, following = ran.stderr.splitlines()  # and not what `tar` has to say of every file
    assert "could not be unpacked into" in first
    assert "HOMEPORT_ROOT=/FOLDER" in following
    assert not list((tmp_path / ".cache/homeport/unpacked").glob("[!.]*"))


def test_the_same_folder_gives_the_same_bytes(artefact: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "folder").rglob("*"):
        os.utime(path, (1, 1))
    self_extracting(tmp_path / "folder", tmp_path / "again", name="shop", kept=KEPT)
    assert (tmp_path / "again").read_bytes() == artefact.read_bytes()


def test_several_that_start_at_once_all_run(artefact: Path, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    started = [subprocess.Popen([artefact], env=environ, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert {process.communicate(timeout=30)[0] for process in started} == {
        f"{tmp_path}/.cache/homeport/unpacked/shop-0123456789abcdef\n"
    }


# -- zipapps -----------------------------------------------------------------------------------------------------------

PEX_START = (
    b'#!/bin/sh\nset -eu\nINSTALLED_PEX="${PEX_ROOT}/venvs/4/aa/bb"\necho pex unpacks into "${PEX_ROOT}"\nexit\n'
)


def test_a_zipapp_that_is_unpacked_runs_without_asking_pex(tmp_path: Path) -> None:
    artefact = tmp_path / "shop"
    artefact.write_bytes(PEX_START + b"PK...")
    artefact.chmod(0o755)
    add_start(artefact, KEPT)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def run() -> str:
        return subprocess.run([artefact, "ps"], env=environ, capture_output=True, text=True, check=True).stdout

    root = tmp_path / ".cache/homeport/unpacked" / KEPT
    assert run() == f"pex unpacks into {root}\n"
    python = root / "venvs/4/aa/bb/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@"; echo "${PATH%%:*}"\n')
    python.chmod(0o755)
    assert run().splitlines() == ["-I -m homeport.cli.packaged ps", str(python.parent)]
    assert (root / MARK).is_file()
    python.unlink()
    python.symlink_to("/nowhere/python")  # it was upgraded, and is elsewhere
    assert run() == f"pex unpacks into {root}\n"
    assert [path.name for path in root.iterdir()] == [MARK]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Traceback (most recent call last):\n  File x\nOSError: no space left",
            [
                "error: {artefact} could not be unpacked into {root}: OSError: no space left",
                "  make room there, or name another folder: HOMEPORT_ROOT=/FOLDER {artefact}",
            ],
        ),
        (
            "there is none\nlooked on the PATH",
            ["error: {artefact} needs a Python {python} to start with", "there is none", "looked on the PATH"],
        ),
    ],
)
def test_why_pex_could_not_unpack_is_told_without_a_traceback(tmp_path: Path, said: str, told: list[str]) -> None:
    artefact = tmp_path / "shop"
    artefact.write_bytes(PEX_START.replace(b"exit\n", b'echo "' + said.encode() + b'"; exit 1\n') + b"PK...")
    artefact.write_bytes(artefact.read_bytes().replace(b"echo pex unpacks into", b": "))
    artefact.chmod(0o755)
    add_start(artefact, KEPT)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    ran = subprocess.run([artefact], env=environ, capture_output=True, text=True, check=False)
    root, python = tmp_path / ".cache/homeport/unpacked", ".".join(map(str, sys.version_info[:2]))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines() == [line.format(artefact=artefact, root=root, python=python) for line in told]


def test_pex_is_not_left_to_choose_a_folder_that_goes_with_the_command(tmp_path: Path) -> None:
    artefact, asked = tmp_path / "shop", tmp_path / "asked"
    artefact.write_bytes(PEX_START + b"PK...")
    artefact.chmod(0o755)
    add_start(artefact, KEPT)
    asked.mkdir()
    (asked / KEPT).write_text("")  # root may write into any folder, but into no file
    environ = {"PATH": os.environ["PATH"], "HOMEPORT_ROOT": str(asked)}
    ran = subprocess.run([artefact], env=environ, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"could not be unpacked into {asked}: it may not be written" in ran.stderr


def test_folders_of_other_pexes_are_not_used(tmp_path: Path) -> None:
    artefact = tmp_path / "shop"
    artefact.write_bytes(PEX_START + b"PK...")
    artefact.chmod(0o755)
    add_start(artefact, KEPT)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PEX_ROOT": str(tmp_path / "other")}
    ran = subprocess.run([artefact], env=environ, capture_output=True, text=True, check=True)
    assert ran.stdout == f"pex unpacks into {tmp_path}/.cache/homeport/unpacked/{KEPT}\n"


def test_a_start_that_pex_never_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop").write_bytes(b"#!/usr/bin/env python3\nPK...")
    with pytest.raises(PackagingFailed, match=r"install a pex from 2\.70 on"):
        add_start(tmp_path / "shop", KEPT)
