"""Artefacts are built, taken elsewhere, and used there, with nothing of what they were built from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

MACHINE = '''
import asyncio
import importlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import homeport
import numbers_of_ours

DATA = Path(__file__).parent / "data" / "greeting.txt"


@homeport.service
class Machine:
    """Says where and how it runs."""

    async def look(self, name: str = "first") -> dict[str, object]:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
            forked = await asyncio.wrap_future(pool.submit(os.getpid))
        return {
            "version": numbers_of_ours.VERSION,
            "loop": type(asyncio.get_running_loop()).__module__,
            "forked": forked != os.getpid(),
            "pid": os.getpid(),
            "data": DATA.read_text(),
            "compiled": Path(__cached__).exists(),
            "codec": __import__("msgspec")._core.__file__,
            "plugin": importlib.import_module(f"plugins.{name}").NAME,
        }


@homeport.service
class Asker:
    machine: Machine

    async def ask(self) -> int:
        return (await self.machine.look())["version"]
'''
TOOLS = ("cat", "chmod", "env", "gzip", "id", "mkdir", "mktemp", "mv", "rm", "sh", "tail", "tar")


def write_application(folder: Path, version: int) -> Path:
    for name in ("data", "plugins"):
        (folder / name).mkdir(parents=True)
    (folder / "plugins" / "__init__.py").write_text("")
    (folder / "plugins" / "first.py").write_text("from numbers import Number\n\nNAME = Number.__name__\n")
    (folder / "machine.py").write_text(MACHINE)
    (folder / "numbers_of_ours.py").write_text(f"VERSION = {version}\n")
    (folder / "data" / "greeting.txt").write_text("hello")
    (folder / "homeport.toml").write_text("[services.machine]\nreplicas = 2\n")
    return folder


def build(folder: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "homeport", "build", ".", "--json", "--name", "shop", *options]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


class Elsewhere:
    """A machine that has the artefact and an empty home; with a Python only where it needs one."""

    def __init__(self, folder: Path, *, python: bool) -> None:
        self.folder = folder
        (folder / "home").mkdir(parents=True)
        tools = folder / "tools"
        tools.mkdir()
        for name in TOOLS:
            (tools / name).symlink_to(shutil.which(name) or name)
        if python:
            (tools / f"python3.{sys.version_info.minor}").symlink_to(os.path.realpath(sys.executable))
        # An artefact heeds no libraries but its own.
        (folder / "stray" / "msgspec").mkdir(parents=True)
        (folder / "stray" / "msgspec" / "__init__.py").write_text("raise RuntimeError('not ours')")
        self.environ = {
            "PATH": str(tools),
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(folder / "stray"),
        }

    def bring(self, built: dict[str, Any], name: str = "shop") -> None:
        shutil.copy(built["file"], self.folder / name)

    def run(self, *words: str, program: str = "shop", **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.folder / program, *words],
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def call(self, method: str) -> Any:
        ran = self.run("call", method)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def status(self) -> dict[str, Any]:
        ran = self.run("ps", "--json")
        found: dict[str, Any] = json.loads(ran.stdout)["node"]
        return found

    def pids(self) -> dict[str, int]:
        return {worker["name"]: worker["pid"] for worker in self.status()["workers"]}

    def until_ready(self, *, without: int = 0) -> None:
        deadline = time.monotonic() + 60
        while True:
            status = self.status()
            if status["ready"] and without not in {worker["pid"] for worker in status["workers"]}:
                return
            assert time.monotonic() < deadline, status
            time.sleep(0.2)


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_application(tmp_path_factory.mktemp("one") / "shop", 1)


@pytest.fixture(scope="module", params=["zipapp", "binary"])
def built(request: pytest.FixtureRequest, application: Path) -> dict[str, Any]:
    return build(application, *(["--binary"] if request.param == "binary" else []), "-o", f"made-{request.param}")


@pytest.fixture
def elsewhere(built: dict[str, Any], tmp_path: Path) -> Iterator[Elsewhere]:
    place = Elsewhere(tmp_path / "there", python=built["kind"] == "zipapp")
    place.bring(built)
    yield place
    place.run("stop")


def test_it_runs_alone_survives_a_killed_worker_and_stops(elsewhere: Elsewhere) -> None:
    started = elsewhere.run("run", "--detach", "--port", "0")
    assert started.returncode == 0, started.stderr
    seen = elsewhere.call("machine.look")
    home = str(elsewhere.folder / "home")
    assert (seen["version"], seen["loop"], seen["forked"], seen["data"]) == (1, "uvloop", True, "hello")
    assert seen["codec"].startswith(home)
    assert seen["compiled"]
    assert seen["plugin"] == "Number"
    assert elsewhere.call("asker.ask") == 1

    killed = elsewhere.pids()["machine-1"]
    os.kill(killed, signal.SIGKILL)
    elsewhere.until_ready(without=killed)
    assert elsewhere.call("asker.ask") == 1

    assert elsewhere.run("stop").returncode == 0
    assert elsewhere.run("ps").returncode == 3


def test_a_node_process_that_was_killed_is_succeeded_by_one_that_takes_its_workers_over(elsewhere: Elsewhere) -> None:
    elsewhere.run("run", "--detach", "--port", "0")
    before = elsewhere.pids()
    os.kill(elsewhere.status()["pid"], signal.SIGKILL)
    again = elsewhere.run("run", "--detach", "--port", "0")
    assert again.returncode == 0, again.stderr
    assert elsewhere.pids() == before


def test_it_says_what_it_is(elsewhere: Elsewhere, built: dict[str, Any]) -> None:
    said = elsewhere.run("--version").stdout
    assert said.startswith("shop\n")
    assert built["digest"][:16] in said
    assert json.loads(elsewhere.run("version", "--json").stdout)["application"]["services"] == ["asker", "machine"]
    assert "Usage: shop" in elsewhere.run("--help").stdout
    assert "homeport.toml in the artefact" in elsewhere.run("config", "show", "--origin", "--changed").stdout


def test_what_lies_beside_it_tells_of_it(built: dict[str, Any]) -> None:
    file = Path(built["file"])
    assert hashlib.sha256(file.read_bytes()).hexdigest() == built["sha256"]
    assert file.with_name("shop.sha256").read_text() == f"{built['sha256']}  shop\n"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(Path(built["sbom"]).read_text()) is None
    assert sorted(json.loads(Path(built["registry"]).read_text())["services"]) == ["asker", "machine"]


# -- zipapps only ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def zipapp(application: Path) -> dict[str, Any]:
    return build(application, "-o", "made-again")


def test_the_same_source_gives_the_same_bytes_wherever_it_lies(zipapp: dict[str, Any], tmp_path: Path) -> None:
    other = build(write_application(tmp_path / "another" / "folder", 1), "-o", str(tmp_path / "made"))
    assert other["sha256"] == zipapp["sha256"]


def test_modules_named_as_those_of_python_do_not_get_in_the_way_of_building(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "types.py").write_text("AMOUNT = 3\n")
    (package / "cart.py").write_text(
        "from homeport import service\nfrom shop.types import AMOUNT\n\n\n@service\nclass Cart:\n"
        "    async def total(self) -> int:\n        return AMOUNT\n"
    )
    assert build(package)["services"] == ["cart"]


def test_a_newer_artefact_takes_over_from_the_one_that_runs_with_its_own_libraries(
    zipapp: dict[str, Any], tmp_path: Path
) -> None:
    newer = build(write_application(tmp_path / "two" / "shop", 2))
    place = Elsewhere(tmp_path / "there", python=True)
    place.bring(zipapp)
    place.bring(newer, "shop-2")
    try:
        place.run("run", "--detach", "--port", "0")
        first = place.call("machine.look")
        deployed = place.run("deploy", "--soak", "0s", program="shop-2")
        assert deployed.returncode == 0, deployed.stderr
        second = place.call("machine.look")
        assert (first["version"], second["version"]) == (1, 2)
        assert first["codec"] != second["codec"]
        back = place.run("deploy", "rollback", "--soak", "0s")
        assert back.returncode == 0, back.stderr
        assert place.call("machine.look")["version"] == 1
    finally:
        place.run("stop")


def test_a_python_that_does_not_fit_is_refused(zipapp: dict[str, Any], tmp_path: Path) -> None:
    place = Elsewhere(tmp_path / "there", python=True)
    place.bring(zipapp)
    _demand(place.folder / "shop", "CPython==3.98.*")
    refused = place.run("--version")
    assert refused.returncode != 0
    assert "CPython==3.98.*" in refused.stderr
    assert "interpreter" in refused.stderr


def test_when_all_is_unpacked_the_folder_may_be_read_only(zipapp: dict[str, Any], tmp_path: Path) -> None:
    place = Elsewhere(tmp_path / "there", python=True)
    place.bring(zipapp)
    root = tmp_path / "root"
    place.run("--version", HOMEPORT_ROOT=str(root))
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o555)
    ran = place.run("--version", HOMEPORT_ROOT=str(root))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert not (place.folder / "home" / ".cache").exists()


def test_a_home_that_cannot_be_written_is_passed_over_for_good(zipapp: dict[str, Any], tmp_path: Path) -> None:
    place = Elsewhere(tmp_path / "there", python=True)
    place.bring(zipapp)
    (tmp_path / "no-folder").write_text("")
    (tmp_path / "tmp").mkdir()
    outside = {"HOME": str(tmp_path / "no-folder"), "TMPDIR": str(tmp_path / "tmp")}
    try:
        started = place.run("run", "--detach", "--port", "0", **outside)
        assert started.returncode == 0, started.stderr
        assert place.call("machine.look")["codec"].startswith(str(tmp_path / "tmp" / "homeport-unpacked-"))
    finally:
        place.run("stop", **outside)


def test_without_any_fitting_python_it_says_so(zipapp: dict[str, Any], tmp_path: Path) -> None:
    place = Elsewhere(tmp_path / "there", python=False)
    place.bring(zipapp)
    refused = place.run("--version")
    assert refused.returncode != 0
    assert f"python3.{sys.version_info.minor}" in refused.stderr


def _demand(artefact: Path, constraint: str) -> None:
    """Change which Python an artefact says that it needs."""
    fresh = artefact.with_name("changed")
    start = artefact.read_bytes()
    with zipfile.ZipFile(artefact) as old:
        first = min(entry.header_offset for entry in old.infolist())
        fresh.write_bytes(start[:first])
        with zipfile.ZipFile(fresh, "a") as new:
            for entry in old.infolist():
                content = old.read(entry)
                if entry.filename == "PEX-INFO":
                    content = json.dumps(json.loads(content) | {"interpreter_constraints": [constraint]}).encode()
                new.writestr(entry, content)
    fresh.chmod(0o755)
    fresh.replace(artefact)
