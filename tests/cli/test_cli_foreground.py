"""A node in the foreground: up, shown, and down again, whatever happens on the way."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cli_fakes import CART_SUMMARY, NOW, FakeClient, FakeNode, Place, instance, status, worker

from homeport.build.diagnostics.finding import Finding
from homeport.cli.errors import CommandError, NodeRefused
from homeport.cli.foreground import life as life_module
from homeport.cli.foreground.launch import AGAIN, RunOptions, prepare, refuse_second_node
from homeport.cli.foreground.life import SETTINGS_CHANGED, Interrupts, Life
from homeport.cli.foreground.logpump import LogPump
from homeport.cli.foreground.screen import progress_lines
from homeport.cli.foreground.settings import follow_settings
from homeport.cli.foreground.trouble import Trouble, crashed, hopeless, not_ready
from homeport.cli.settings_changes import settings_changes, settings_folders
from homeport.config import Config, NodeConfig, load
from homeport.errors import ConfigError
from homeport.logfiles import LogRecordView, encode_line
from homeport.model import Cause, State
from homeport.node.api import NodeSpec, NodeStatus
from homeport.nodes import NodeAddress, announce
from homeport.processes import identity
from homeport.registry.api import ServiceSummary

WAITING = status(ready=False, url="", waiting={"cart": "starting"})


@dataclass
class FakeProcess:
    """A node process that ends when told to."""

    spec: NodeSpec
    pid: int = 4100
    code: int | None = None
    words: str = ""
    deaf: bool = False  # to everything but SIGKILL
    signals: list[int] = field(default_factory=list)
    cut: bool = False

    def exit_code(self) -> int | None:
        return self.code

    def announced(self) -> NodeAddress | None:
        return NodeAddress(name="shop", data=Path("/srv/shop/.homeport"), endpoint="unix:/x", pid=self.pid)

    def said(self) -> str:
        return self.words

    def forget_spec(self) -> None:
        pass

    def cut_lifeline(self) -> None:
        self.cut = True
        if not self.deaf:
            self.code = 0

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number == signal.SIGKILL:
            self.code = -number


@dataclass
class Script(FakeNode):
    """A node whose status moves on with every look; the last one stays."""

    process: FakeProcess | None = None
    story: list[NodeStatus | Callable[[], NodeStatus]] = field(default_factory=list)

    async def status(self) -> NodeStatus:
        if self.story:
            step = self.story.pop(0)
            self.present = step() if callable(step) else step
        return self.present

    async def stop_node(self, actor: str) -> None:
        await super().stop_node(actor)
        assert self.process is not None
        if not self.process.deaf:
            self.process.code = 0

    async def kill(self, actor: str) -> None:
        await super().kill(actor)


@dataclass
class FakeScreen:
    """Notes what a person would have seen."""

    seen: list[str] = field(default_factory=list)
    on_ready: Callable[[], None] = lambda: None
    on_stopping: Callable[[], None] = lambda: None

    def starting(self, target: str) -> None:
        self.seen.append("starting")

    def progress(self, status: NodeStatus, elapsed: float) -> None:
        self.seen.append("progress")

    def notice(self, status: NodeStatus) -> None:
        pass

    def log(self, record: LogRecordView) -> None:
        self.seen.append(record.message)

    def trouble(self, trouble: Trouble) -> None:
        self.seen.append(trouble.message)

    def ready(self, status: NodeStatus, services: Sequence[ServiceSummary], elapsed: float, detached: bool) -> None:
        self.seen.append("ready")
        self.on_ready()

    def again(self, changed: str) -> None:
        self.seen.append(f"again: {changed}")

    def stopping(self, status: NodeStatus | None) -> None:
        if "stopping" not in self.seen:
            self.seen.append("stopping")
            self.on_stopping()

    def stopped(self, how: str) -> None:
        self.seen.append(how)

    def close(self) -> None:
        pass


class Stage:
    """Everything one run needs, in memory; its clock moves with every look."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, detach: bool = False, reload: bool = False) -> None:
        for name in ("LOOK_EVERY", "ANNOUNCE_EVERY"):
            monkeypatch.setattr(life_module, name, 0)
        monkeypatch.setattr(life_module, "KILL_PATIENCE", 0.01)
        config = Config(node=NodeConfig(ready_timeout=30))
        spec = NodeSpec(target=".", cwd="/srv/shop", data="/srv/shop/.homeport", config=config, detach=detach)
        self.process = FakeProcess(spec if not reload else NodeSpec(**_fields(spec) | {"reload": True}))
        self.node = Script(process=self.process, story=[WAITING, WAITING, status()])
        self.client = FakeClient(node=self.node)
        self.screen = FakeScreen()
        self.interrupts = Interrupts()
        self.time = 0.0
        self.deaf = False  # the node accepts connections, and says nothing

    def now(self) -> float:
        self.time += 1
        return self.time

    async def run(self) -> int:
        @asynccontextmanager
        async def connect(node: str | None, /) -> AsyncIterator[FakeClient]:
            assert node == "unix:/x"
            if self.deaf:
                await asyncio.Event().wait()
            yield self.client

        life = Life(self.process, connect, self.screen, self.interrupts, self.now)
        async with asyncio.timeout(5):
            return await life.run(0.0)

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.interrupts.raised(number)


def _fields(spec: NodeSpec) -> dict[str, object]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


# -- up and down -------------------------------------------------------------------------------------------------------


async def test_ctrl_c_stops_in_order_and_ends_with_130(stage: Stage) -> None:
    stage.screen.on_ready = stage.interrupt
    assert await stage.run() == 130
    assert stage.screen.seen == ["progress", "progress", "ready", "stopping", "stopped"]
    assert stage.node.asked == [("stop_node", "Ctrl-C")]


async def test_sigterm_is_carried_out_and_ends_with_0(stage: Stage) -> None:
    stage.screen.on_ready = lambda: stage.interrupt(signal.SIGTERM)
    assert await stage.run() == 0


async def test_changed_settings_end_a_run_in_order_to_begin_again(stage: Stage) -> None:
    stage.screen.on_ready = lambda: stage.interrupt(SETTINGS_CHANGED)
    assert await stage.run() == AGAIN
    assert stage.node.asked == [("stop_node", "changed settings")]
    assert "stopped" not in stage.screen.seen


async def test_ctrl_c_while_a_run_is_to_begin_again_ends_it(stage: Stage) -> None:
    stage.process.deaf = True
    stage.screen.on_ready = lambda: stage.interrupt(SETTINGS_CHANGED)
    stage.screen.on_stopping = stage.interrupt
    assert await stage.run() == 130


async def test_a_second_ctrl_c_kills(stage: Stage) -> None:
    stage.process.deaf = True
    stage.screen.on_ready = stage.interrupt
    stage.screen.on_stopping = stage.interrupt
    assert await stage.run() == 130
    assert stage.node.asked == [("stop_node", "Ctrl-C"), ("kill", "second Ctrl-C")]
    assert stage.process.signals == [signal.SIGKILL]
    assert stage.screen.seen[-1] == "killed"


async def test_ctrl_c_before_the_node_answers_lets_go_of_its_lifeline(stage: Stage) -> None:
    stage.process.announced = lambda: None  # type: ignore[method-assign]
    stage.interrupt()
    assert await stage.run() == 130
    assert stage.process.cut
    assert stage.node.asked == []


async def test_ctrl_c_while_the_node_does_not_answer_ends_the_run(stage: Stage) -> None:
    stage.deaf = True
    stage.interrupts.raised(signal.SIGINT)
    assert await stage.run() == 130
    assert stage.process.cut


async def test_detached_it_returns_when_all_is_ready_and_the_node_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, detach=True)
    assert await stage.run() == 0
    assert stage.process.code is None
    assert stage.node.asked == []


async def test_a_node_stopped_from_elsewhere_ends_with_0(stage: Stage) -> None:
    def stop() -> None:
        stage.process.code = 0

    stage.screen.on_ready = stop
    assert await stage.run() == 0
    assert stage.screen.seen[-1] == "stopped from elsewhere"


async def test_a_node_that_is_killed_says_that_its_services_go_on(stage: Stage) -> None:
    def die() -> None:
        stage.process.code = -signal.SIGKILL

    stage.screen.on_ready = die
    with pytest.raises(CommandError, match="killed by SIGKILL; its services go on for a while") as caught:
        await stage.run()
    assert caught.value.exit_code == 1


async def test_a_node_that_refuses_to_start_is_quoted_with_its_own_code(stage: Stage) -> None:
    stage.process.code, stage.process.words = 2, "cart.py:3:1: error: invalid syntax"
    with pytest.raises(NodeRefused) as caught:
        await stage.run()
    assert (caught.value.exit_code, caught.value.said) == (2, "cart.py:3:1: error: invalid syntax")


async def test_a_dependency_that_stays_away_ends_the_run_and_everything_is_stopped(stage: Stage) -> None:
    stage.node.story = []
    stage.node.present = status(ready=False, waiting={"payment": "waiting for: payments"})
    with pytest.raises(CommandError) as caught:
        await stage.run()
    assert caught.value.notes[0] == "payment waits for 'payments', which nobody provides (did you mean 'cart'?)" or (
        "payment waits for 'payments', which nobody provides" in caught.value.notes[0]
    )
    assert stage.node.asked == [("stop_node", "homeport run")]
    assert stage.process.code == 0


BROKEN = worker(
    "cart-1",
    state="backing-off",
    restarts=2,
    cause=Cause(
        what="process exited", actor="supervisor", evidence="exit status 1\nImportError: no module named shop", at=NOW
    ),
)


async def test_a_worker_that_cannot_be_imported_ends_the_run(stage: Stage) -> None:
    stage.node.story = []
    stage.node.present = status(ready=False, waiting={"cart": "backing off"}, workers=(BROKEN,))
    with pytest.raises(CommandError, match="worker cart-1 failed: exit status 1"):
        await stage.run()
    assert stage.process.code == 0


async def test_with_reload_a_broken_worker_is_shown_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, reload=True)
    broken = status(ready=False, waiting={"cart": "backing off"}, workers=(BROKEN,))
    stage.node.story = [broken, broken, status()]
    stage.screen.on_ready = stage.interrupt
    assert await stage.run() == 130
    assert stage.screen.seen.count("worker cart-1 failed: exit status 1") == 1


# -- what it says ------------------------------------------------------------------------------------------------------


def test_a_crash_is_told_with_its_place_in_the_source_not_in_the_release() -> None:
    evidence = (
        "exit status 1\n"
        "worker.failed error=cannot import 'shop.cart'\n"
        "Traceback (most recent call last):\n"
        '  File "/usr/lib/python3.11/importlib/x.py", line 9, in import_module\n'
        "    return call(name)\n"
        '  File "/srv/shop/.homeport/releases/r1/shop/cart.py", line 7, in <module>\n'
        "    import nothing\n"
        "ModuleNotFoundError: No module named 'nothing'\n"
        "DefinitionError: cannot import 'shop.cart' from import root /srv/shop/.homeport/releases/r1"
    )
    cause = Cause(what="process exited", actor="supervisor", evidence=evidence, at=NOW)
    broken = worker("cart-1", state="backing-off", cause=cause)
    trouble = crashed(broken, status())
    assert trouble.message == (
        "worker cart-1 failed at /srv/shop/shop/cart.py:7: ModuleNotFoundError: No module named 'nothing'"
    )
    assert trouble.notes == ('File "/srv/shop/shop/cart.py", line 7, in <module>', "  import nothing")
    assert hopeless(broken, 2)
    assert trouble.next == "homeport logs cart"


def test_a_class_that_cannot_be_served_is_told_in_one_line_with_its_place_in_the_source() -> None:
    evidence = (
        "exit status 1\n"
        "worker.failed error=Cart.add (.homeport/releases/r1/cart.py:4): *a has no contract; take a list, a: list\n"
        "DefinitionError: Cart.add (.homeport/releases/r1/cart.py:4): *a has no contract; take a list, a: list"
    )
    cause = Cause(what="process exited", actor="supervisor", evidence=evidence, at=NOW)
    trouble = crashed(worker("cart-1", state="backing-off", cause=cause), status())
    assert trouble.message == (
        "worker cart-1 failed: Cart.add (/srv/shop/cart.py:4): *a has no contract; take a list, a: list"
    )
    assert trouble.notes == ()


def test_a_missing_dependency_is_told_with_near_names_and_where_it_is_used() -> None:
    finding = Finding(severity="warning", path="checkout.py", line=12, column=9, message="no service 'paymnt' here")
    checkout = instance("checkout-1", "checkout", State.WAITING, waiting_for=("paymnt",))
    trouble = not_ready(
        status(ready=False, waiting={"checkout": "waiting for: paymnt"}, findings=(finding,)),
        [checkout],
        [CART_SUMMARY, ServiceSummary(name="payment", state="active", wanted=1, ready=1, registered=1)],  # type: ignore[arg-type]
        30,
    )
    assert trouble.message == "1 of 3 services not ready after 30s"
    assert trouble.notes == (
        "checkout waits for 'paymnt', which nobody provides (did you mean 'payment'?)",
        "  used at /srv/shop/checkout.py:12",
    )


def test_progress_names_who_is_behind_and_fits_the_height() -> None:
    many = {f"s{number}": "starting" for number in range(9)}
    head, rows = progress_lines(status(ready=False, waiting=many), 1.25, 4)
    assert head.startswith("starting [name]shop[/]  2 of 11 ready")
    assert len(rows) == 4
    assert "and 6 more" in rows[-1]


def test_the_log_pump_leaves_old_lines_alone_and_finds_new_files(tmp_path: Path) -> None:
    def write(name: str, at: float, message: str) -> None:
        with (tmp_path / f"{name}.log").open("ab") as file:
            file.write(encode_line(LogRecordView(at=at, level="info", message=message)))

    seen: list[str] = []
    write("cart-1", 1, "of the run before")
    pump = LogPump(tmp_path, lambda record: seen.append(record.message))
    write("payment-1", 4, "second")
    write("cart-1", 3, "first")
    pump.look()
    assert seen == ["first", "second"]


def test_a_flood_of_output_is_cut_to_its_end(tmp_path: Path) -> None:
    seen: list[str] = []
    pump = LogPump(tmp_path, lambda record: seen.append(record.message))
    (tmp_path / "cart-1.log").write_bytes(b"".join(b"line %d\n" % number for number in range(5000)))
    pump.look()
    assert len(seen) == 201
    assert seen[0].startswith("… 4,800 lines not shown here")
    assert seen[-1] == "line 4999"


# -- launch ------------------------------------------------------------------------------------------------------------


def test_settings_are_found_beside_the_code_that_runs(place: Place) -> None:
    app = place.folder / "app"
    app.mkdir()
    (app / "homeport.toml").write_text('[node]\nname = "shop"\ndata = "state"\n')
    launch = prepare(RunOptions(target="app", port=8080), place.surroundings())
    assert launch.spec.config.node.name == "shop"
    assert launch.spec.data == str(app / "state")
    assert (launch.spec.config.node.port, launch.spec.port_explicit) == (8080, True)
    assert launch.spec.lifeline
    assert not launch.spec.detach


def test_without_settings_the_data_folder_is_in_the_working_folder(place: Place) -> None:
    launch = prepare(RunOptions(detach=True), place.surroundings())
    assert launch.spec.data == str(place.folder / ".homeport")
    assert not launch.spec.port_explicit
    assert not launch.spec.lifeline


def test_the_env_file_reaches_the_services(place: Place) -> None:
    (place.folder / ".env").write_text("STRIPE_KEY=abc\n")
    assert prepare(RunOptions(), place.surroundings()).environment["STRIPE_KEY"] == "abc"


def test_a_wrong_set_is_refused_before_anything_starts(place: Place) -> None:
    with pytest.raises(ConfigError, match="unknown setting"):
        prepare(RunOptions(assignments=("node.prot=1",)), place.surroundings())


def test_before_the_node_process_starts_nothing_slow_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys, subprocess\n"
        "def spawn(*a, **k):\n"
        "    print(sorted({'typer', 'rich', 'asyncio'} & sys.modules.keys()))\n"
        "    raise SystemExit\n"
        "subprocess.Popen.__init__ = spawn\n"
        "from homeport.cli.main import main\n"
        f"main(['run', '.', '--data', {str(tmp_path)!r}])\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout == "[]\n"


def test_a_second_node_on_the_same_folder_is_refused_by_name(place: Place) -> None:
    data = place.folder / ".homeport"
    (data / "run").mkdir(parents=True)
    announce(
        NodeAddress(
            name="shop", data=data, endpoint="unix:/x", pid=os.getpid(), process=identity(os.getpid()), url="http://u"
        ),
        place.environ,
    )
    with pytest.raises(CommandError, match=r"node 'shop' runs here already \(pid \d+, http://u\)"):
        refuse_second_node(data)


# -- settings that change ----------------------------------------------------------------------------------------------


def test_settings_are_looked_for_above_the_code_up_to_the_file_that_was_read(tmp_path: Path) -> None:
    code = tmp_path / "project" / "src" / "shop"
    code.mkdir(parents=True)
    (code / "cart.py").touch()
    settings = tmp_path / "project" / "homeport.toml"
    expected = (code, code.parent, tmp_path / "project")
    assert settings_folders(code, code, settings) == expected
    assert settings_folders(code / "cart.py", code, settings) == expected
    assert settings_folders(code, tmp_path / "project", None) == expected
    assert settings_folders(code, tmp_path / "elsewhere", None) == (code,)


async def test_a_settings_file_above_the_code_is_followed(tmp_path: Path) -> None:
    code = tmp_path / "src"
    code.mkdir()
    (tmp_path / "homeport.toml").write_text("")
    changes = settings_changes(code, code, load(code, {}))

    async def write() -> None:
        while True:  # until seen, as watching begins at a moment that nobody tells
            (tmp_path / "homeport.toml").write_text("[check]\n")
            await asyncio.sleep(0.05)

    writing = asyncio.create_task(write())
    try:
        async with asyncio.timeout(20):
            assert await anext(changes) == {"homeport.toml"}
    finally:
        writing.cancel()
        await changes.aclose()


async def test_a_run_begins_again_when_its_settings_differ_and_keeps_those_it_has_when_they_are_wrong(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = place.folder / "homeport.toml"
    settings.write_text("")
    told: list[str] = []
    screen, interrupts = FakeScreen(seen=told), Interrupts()

    async def writes(start: Path, cwd: Path, loaded: object) -> AsyncIterator[set[str]]:
        for text in ("# a comment", "[node]\nprot = 1", "[services.cart]\nreplicas = 2", "[node]\nport = 9"):
            settings.write_text(text)
            yield {"homeport.toml"}

    monkeypatch.setattr("homeport.cli.settings_changes.settings_changes", writes)
    asked = RunOptions(reload=True)
    await follow_settings(asked, prepare(asked, place.surroundings()), place.surroundings(), screen, interrupts)
    assert interrupts.take() == SETTINGS_CHANGED
    assert "unknown setting node.prot" in told[0]
    assert told[1:] == ["again: homeport.toml"]
