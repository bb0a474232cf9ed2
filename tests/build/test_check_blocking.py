"""Calls in async methods that make the whole worker wait."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

import pytest
from check_samples import plan_of

from homeport.build.analyzer.waiting import WAITING, wait_of
from homeport.build.diagnostics.finding import Finding

HEAD = """\
import asyncio, concurrent.futures, os, pathlib, redis, requests, socket, sqlite3, subprocess, threading, time
import time as clock
import urllib.request
from time import sleep as nap
from homeport import method, service
from helpers import load, aload, fine, wrapped
import helpers

def local(): time.sleep(1)

@service
class Shop:
    def __init__(self, given=None):
        self.db = sqlite3.connect("shop")
        self.cache = redis.Redis.from_url("x")
        self.web = requests.Session()
        self.pool = concurrent.futures.ThreadPoolExecutor()
        self.given = given
        self.either = sqlite3.connect("shop")
    async def open(self):
        self.either = await make()
    def _slow(self): return requests.get("x")
    @staticmethod
    def _static(): time.sleep(1)
    @in_thread
    def _moved(self): time.sleep(1)
    async def _async(self): ...
    @method
    def threaded(self): time.sleep(1)
"""
HELPERS = """\
import requests
import time

def load(url): return requests.get(url)
async def aload(): time.sleep(1)
def fine(): return 1
@in_thread
def wrapped(): time.sleep(1)
"""


def found_in(lines: str, method: str = "go") -> list[Finding]:
    body = "\n".join(f"        {line}" for line in lines.splitlines())
    source = f"{HEAD}    async def {method}(self, x=None):\n{body}\n"
    findings = plan_of({"shop.py": source, "helpers.py": HELPERS}).findings
    return [found for found in findings if found.code == "HP502"]


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ("time.sleep(1)", "time.sleep()"),
        ("clock.sleep(1)", "time.sleep()"),
        ("nap(1)", "time.sleep()"),
        ("import time as t\nt.sleep(1)", "time.sleep()"),
        ("from time import sleep\nsleep(1)", "time.sleep()"),
        ("x = requests.get('x').json()", "requests.get()"),
        ("urllib.request.urlopen('x')", "urllib.request.urlopen()"),
        ("subprocess.run(['ls'])", "subprocess.run()"),
        ("os.system('ls')", "os.system()"),
        ("sqlite3.connect('x')", "sqlite3.connect()"),
        ("self.db.execute('x')", "sqlite3.connect().execute()"),
        ("self.db.cursor().execute('x')", "sqlite3.connect().cursor().execute()"),
        ("self.cache.get('x')", "redis.Redis.from_url().get()"),
        ("self.web.post('x')", "requests.Session().post()"),
        ("self.pool.submit(len, x).result()", "concurrent.futures.ThreadPoolExecutor().submit().result()"),
        ("text = open(x).read()", "open().read()"),
        ("with open(x) as file:\n    text = file.read()", "open().read()"),
        ("pathlib.Path(x).read_text()", "pathlib.Path().read_text()"),
        ("line = input()", "input()"),
        ("async def inner():\n    time.sleep(1)\nawait inner()", "time.sleep()"),
        ("names = [requests.get(u) for u in x]", "requests.get()"),
    ],
)
def test_a_call_that_blocks_the_loop_is_a_warning(lines: str, shown: str) -> None:
    (found,) = found_in(lines)
    assert found.severity == "warning"
    assert found.message == f"{shown} blocks the event loop, and so the whole worker"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("self._slow()", "_slow() calls requests.get() (shop.py:22), which blocks the event loop"),
        ("self._static()", "_static() calls time.sleep() (shop.py:24), which blocks the event loop"),
        ("local()", "local() calls time.sleep() (shop.py:9), which blocks the event loop"),
        ("load(x)", "load() calls requests.get() (helpers.py:4), which blocks the event loop"),
        ("helpers.load(x)", "helpers.load() calls requests.get() (helpers.py:4), which blocks the event loop"),
        ("await aload()", "aload() calls time.sleep() (helpers.py:5), which blocks the event loop"),
    ],
)
def test_one_helper_function_is_looked_through(lines: str, message: str) -> None:
    (found,) = found_in(lines)
    assert found.message == f"{message}, and so the whole worker"


DEEP = {
    "web.py": "import requests\ndef fetch(url): return requests.get(url)\ndef read(path): return open(path).read()\n",
    "rates.py": "from web import fetch, read\n"
    "def rate(x): return _known(x) or fetch(x)\n"
    "def _known(x): return rate(x) if x else None\n"
    "async def later(x): return rate(x)\n"
    "def start(x): return later(x)\n"
    "def settings(): return read('x')\n"
    "@cache\ndef once(x): return fetch(x)\n",
}


def found_deep(line: str, method: str = "go") -> list[str]:
    source = f"""\
from homeport import service
import rates
@service
class Shop:
    async def {method}(self, x=None): {line}
    def _load(self): return self._both()
    def _both(self): return rates.rate(1)
    def _round(self): return self._trip()
    def _trip(self): return self._round()
"""
    findings = plan_of({"shop.py": source, **DEEP}).findings
    return [found.message for found in findings if found.code == "HP502"]


RATE = "rates.rate() calls fetch() (rates.py:2), which calls requests.get() (web.py:2)"


@pytest.mark.parametrize(
    ("line", "way"),
    [
        ("rates.rate(x)", RATE),
        (
            "await rates.later(x)",
            "rates.later() calls rate() (rates.py:4), which calls fetch() (rates.py:2), which calls",
        ),
        (
            "self._load()",
            "_load() calls _both() (shop.py:6), which calls rates.rate() (shop.py:7), which calls fetch()",
        ),
        ("rates.settings()", "rates.settings() calls read() (rates.py:6), which calls open().read() (web.py:3)"),
    ],
)
def test_helper_functions_are_looked_through_however_many(line: str, way: str) -> None:
    (message,) = found_deep(line)
    assert message.startswith(way)
    assert message.endswith("which blocks the event loop, and so the whole worker")


@pytest.mark.parametrize("line", ["rates.start(x)", "rates.once(x)", "self._round()", "f(self._load)"])
def test_a_way_that_goes_in_circles_or_may_leave_the_loop_is_none(line: str) -> None:
    assert found_deep(line) == []


def test_helpers_may_read_files_at_the_start() -> None:
    assert found_deep("rates.settings()", "startup") == []
    assert len(found_deep("rates.rate(1)", "startup")) == 1


@pytest.mark.parametrize(
    "lines",
    [
        "await asyncio.sleep(1)",
        "await asyncio.to_thread(time.sleep, 1)",
        "await asyncio.to_thread(lambda: time.sleep(1))",
        "def work(): time.sleep(1)\nawait asyncio.to_thread(work)",
        "class Bot:\n    async def read(self): time.sleep(1)\nBot()",
        "await asyncio.to_thread(self._slow)",
        "await asyncio.to_thread(load, x)",
        "self._moved()",
        "wrapped()",
        "fine()",
        "await self._async()",
        "self.given.execute('x')",
        "self.either.execute('x')",
        "self.other.execute('x')",
        "time = x\ntime.sleep(1)",
        "x.result()",
        "task = asyncio.create_task(x)\ntask.result()",
        "for requests in x: requests.get(1)",
        "self.cache.pipeline()",
        "with open(x) as file: ...",
        "file = x\nfile.read()",
        "self.requests.get(1)",
    ],
)
def test_what_runs_in_a_thread_or_may_be_something_else_is_none(lines: str) -> None:
    assert found_in(lines) == []


def test_databases_and_files_may_be_opened_at_the_start_but_nobody_may_sleep() -> None:
    lines = "self.late = sqlite3.connect('x')\ntext = open('settings').read()"
    assert found_in(lines, "startup") == []
    assert len(found_in(lines, "later")) == 2
    assert len(found_in("time.sleep(1)", "startup")) == 1


def test_a_parameter_hides_a_module() -> None:
    source = f"{HEAD}    async def go(self, requests): requests.get(1)\n"
    assert [f for f in plan_of({"shop.py": source, "helpers.py": HELPERS}).findings if f.code == "HP502"] == []


def test_a_module_of_the_application_is_not_the_library_of_that_name() -> None:
    source = "import requests\nfrom homeport import service\n@service\nclass Shop:\n"
    source += "    async def go(self): requests.get(1)\n"
    plan = plan_of({"shop.py": source, "requests.py": "def get(x): ..."})
    assert [found.code for found in plan.findings] == []


INSTALLED = [name for name in sorted(WAITING) if find_spec(name.partition(".")[0]) is not None]


@pytest.mark.parametrize("name", INSTALLED)
def test_the_functions_named_exist_in_the_libraries_that_are_installed(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    assert callable(getattr(importlib.import_module(module), attribute))
    assert wait_of(name) is not None
