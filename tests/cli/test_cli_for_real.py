"""The command line on real processes: a new project, run in a terminal and in the background."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

PATIENCE = 30.0  # seconds; it takes two, but the machine may be busy


class Project:
    """A folder made by ``homeport new``, and the command line in it."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder, self.environ = folder, environ

    def homeport(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "homeport", *argv],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def value(self, *argv: str) -> Any:
        return json.loads(self.homeport(*argv, "--json").stdout.splitlines()[-1])

    def processes(self) -> list[int]:
        """Pids of the node and all it started."""
        mine = str(self.folder / ".homeport")
        return [p.pid for p in psutil.process_iter(["cmdline"]) if any(mine in w for w in p.info["cmdline"] or ())]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("HOMEPORT_")},
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TERM": "xterm-256color",
    }
    here = Project(tmp_path, environ)
    assert here.homeport("new", "shop").returncode == 0
    project = Project(tmp_path / "shop", environ)
    yield project
    project.homeport("stop", "--kill", "--timeout", "5")
    for pid in project.processes():
        os.kill(pid, signal.SIGKILL)


def read_until(terminal: int, text: str) -> str:
    """What the terminal shows, up to and including the text."""
    shown, deadline = b"", time.monotonic() + PATIENCE
    while text.encode() not in shown:
        assert time.monotonic() < deadline, shown.decode()
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 65536)
    return shown.decode()


def test_a_new_project_runs_in_a_terminal_until_ctrl_c_and_leaves_nothing_behind(project: Project) -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "homeport", "run", ".", "--port", "0"],
        cwd=project.folder,
        env=project.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        shown = read_until(ours, "Ctrl-C stops it")
        assert "SERVICE" in shown
        assert "greetings" in shown
        assert "is ready in" in shown
        answer = project.homeport("call", "greetings.hello", '["Ada"]')
        assert (answer.returncode, json.loads(answer.stdout)) == (0, {"text": "Hello Ada!", "visits": 1})
        running.send_signal(signal.SIGINT)
        read_until(ours, "stopped")
        assert running.wait(PATIENCE) == 130
    finally:
        running.kill()
        running.wait()
        os.close(ours)
        os.close(theirs)
    assert project.processes() == []


@pytest.mark.long
def test_an_attached_service_can_be_debugged_in_its_terminal_and_ends_with_ctrl_c(project: Project) -> None:
    assert project.value("run", "--detach", "--port", "0")["event"] == "ready"
    (project.folder / "asked.py").write_text(
        "from homeport import service\n\n\n@service\nclass Asked:\n"
        "    async def greet(self, name: str) -> str:\n"
        "        breakpoint()\n"
        "        return (await self.greetings.hello(name))['text']\n"
    )
    ours, theirs = pty.openpty()
    attached = subprocess.Popen(
        [sys.executable, "-m", "homeport", "run", "asked.py", "--attach", "--debug"],
        cwd=project.folder,
        env=project.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    try:
        read_until(ours, "Ctrl-C ends it")
        calling = ThreadPoolExecutor(1).submit(project.homeport, "call", "asked.greet", '["Ada"]', "--timeout", "25")
        read_until(ours, "(Pdb) ")
        os.write(ours, b"p name * 2\n")
        read_until(ours, "'AdaAda'")
        os.write(ours, b"c\n")
        assert calling.result().stdout == '"Hello Ada!"\n'
        attached.send_signal(signal.SIGINT)
        attached.wait(PATIENCE)
    finally:
        attached.kill()
        attached.wait()
        os.close(ours)
        os.close(theirs)


def test_in_the_background_it_is_looked_at_scaled_and_stopped(project: Project) -> None:
    ready = project.value("run", "--detach", "--port", "0")
    assert ready["event"] == "ready"
    assert [service["name"] for service in ready["services"]] == ["greetings", "visits"]
    wrong = project.homeport("call", "greetings.hello", '{"nam": "Ada"}')
    assert (wrong.returncode, 'try: homeport call greetings.hello \'{"name": "Ada"}\'' in wrong.stderr) == (2, True)
    assert project.value("scale", "greetings", "1")["durability"] == "synced"
    assert "scaled to 1" in project.homeport("why", "greetings").stdout
    assert project.value("stop")["stopped"]
    assert project.processes() == []


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["people", "programs"])
def test_what_runs_in_the_background_outlives_whoever_reads_how_it_starts(project: Project, flags: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "homeport", "run", "--detach", "--port", "0", *flags]
    ran = subprocess.run(command, cwd=project.folder, env=project.environ, stdout=writer, check=False)
    os.close(writer)
    assert ran.returncode == 0
    assert project.value("ps")["node"]["ready"]


@pytest.mark.long
def test_what_runs_in_the_background_is_replaced_and_taken_back(project: Project) -> None:
    assert project.value("run", "--detach", "--port", "0")["event"] == "ready"
    restarted = project.homeport("restart", "visits", "--soak", "0")
    assert restarted.returncode == 0
    assert "visits restarted in" in restarted.stdout
    source = project.folder / "greetings.py"
    text = source.read_text()
    source.write_text(text.replace("Hello", "Ahoy"))
    assert project.value("deploy", ".", "--soak", "0")["rollout"]["stage"] == "done"
    assert "Ahoy Ada!" in project.homeport("call", "greetings.hello", '["Ada"]').stdout
    assert project.value("deploy", "rollback", "--soak", "0")["rollout"]["kind"] == "rollback"
    assert "Hello Bob!" in project.homeport("call", "greetings.hello", '["Bob"]').stdout
    source.write_text(text + "\nraise RuntimeError('not today')\n")
    failed = project.homeport("deploy", ".", "--soak", "0")
    assert failed.returncode == 1
    assert "RuntimeError: not today" in failed.stderr
    instance = project.value("ps")["instances"][0]["id"]
    assert project.value("drain", instance)["drained"]


def test_what_does_not_parse_is_told_like_a_compiler_and_nothing_starts(project: Project) -> None:
    (project.folder / "visits.py").write_text("class Visits(:\n")
    ran = project.homeport("run", "--detach")
    assert ran.returncode in (1, 2)
    assert ran.stderr.startswith("visits.py:1:")
    assert project.processes() == []
