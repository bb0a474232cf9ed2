"""Imports are measured module by module, whatever loads them, and none is changed by it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from textwrap import dedent


def measured(folder: Path, program: str) -> str:
    """What a program prints that has ``costs`` watch, by a clock of its own; in a process, as imports are for good."""
    (folder / "clock.py").write_text("now = 0.0\ndef passed(seconds):\n    global now\n    now += seconds\n")
    start = "import clock, importlib, sys, traceback\nfrom homeport.build.importing import costs as module\n"
    start += "module.perf_counter = lambda: clock.now\ncosts = module.ImportCosts()\ncosts.watch()\n"
    ran = subprocess.run(
        [sys.executable, "-c", start + dedent(program)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def write(folder: Path, **modules: str) -> None:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)


WAIT = "import clock\nclock.passed(5)\n"


def test_time_is_charged_to_the_module_that_takes_it(tmp_path: Path) -> None:
    write(tmp_path, outer="import clock, slow\nclock.passed(2)\n", slow=WAIT)
    program = "import outer\nprint({name: costs.modules[name].seconds for name in ('outer', 'slow')})"
    assert measured(tmp_path, program) == "{'outer': 2.0, 'slow': 5.0}"


def test_what_was_imported_before_by_another_is_still_needed(tmp_path: Path) -> None:
    write(tmp_path, one="import shared\n", two="from shared import x\n", shared="x = 1\n", three="y = 2\n")
    program = "import one, two, three\nprint([sorted(costs.needed_by(m)) for m in ('two', 'three')])"
    assert measured(tmp_path, program) == "[['shared', 'two'], ['three']]"


def test_relative_imports_and_packages_are_followed(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    write(package, __init__="", cart="from . import money\nfrom .types import Item\n", money="", types="Item = int\n")
    program = "import shop.cart\nprint(sorted(costs.needed_by('shop.cart')))"
    assert measured(tmp_path, program) == "['shop', 'shop.cart', 'shop.money', 'shop.types']"


def test_a_loader_of_many_modules_is_measured_for_each(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(1500):  # deeper than calls may nest
            archive.writestr(f"m{number}.py", WAIT if number == 7 else "")
    program = """
        sys.path.insert(0, 'many.zip')
        names = [f'm{number}' for number in range(1500)]
        for name in names:
            importlib.import_module(name)
        print({name: costs.modules[name].seconds for name in names if costs.modules[name].seconds})
    """
    assert measured(tmp_path, program) == "{'m7': 5.0}"


def test_a_module_that_fails_fails_as_ever(tmp_path: Path) -> None:
    write(
        tmp_path,
        outer="try:\n    import broken\nexcept ZeroDivisionError as error:\n    found = error\n",
        broken="1 / 0\n",
    )
    program = """
        import outer
        print([frame.name for frame in traceback.extract_tb(outer.found.__traceback__)][-1], len(costs._running))
    """
    assert measured(tmp_path, program) == "<module> 0"
