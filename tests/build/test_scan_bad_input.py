"""Whatever lies among the sources, a scan says what is wrong with it, and goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from homeport.build.application import scan
from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.rules import RULES
from homeport.build.plan import Plan
from homeport.build.scanner import reading, store
from homeport.build.scanner.parsing import Unparsable, parse
from homeport.build.scanner.tree import NO_FILE, Identity

Write = Callable[[dict[str, str]], Path]
SERVICE = "from homeport import service\n@service\nclass Good:\n    async def go(self): ...\n"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An application with one good service."""
    (tmp_path / "good.py").write_text(SERVICE)
    return tmp_path


def names(plan: Plan) -> list[str]:
    return [service.name for service in plan.services]


def faults(plan: Plan) -> list[Finding]:
    """What is wrong, without mere advice."""
    return [found for found in plan.findings if found.severity != "note"]


def only_finding(plan: Plan) -> Finding:
    (found,) = faults(plan)
    assert found.code in RULES
    assert found.hint
    return found


def refused(source: bytes, python: tuple[int, int] = (3, 11)) -> Finding:
    with pytest.raises(Unparsable) as caught:
        parse(source, "bad.py", python)
    assert caught.value.finding.severity == "error"
    return caught.value.finding


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"class Cart\n    pass\n", "HP001", (1, 11)),
        (b"x = '''\n", "HP001", (1, 5)),
        (b'x = 1\n"\\N{NO SUCH SIGN}"\n', "HP001", (2, 0)),  # 0: another for each Python
        (b"x = 1\nname = '\xe9'\n", "HP003", (2, 9)),
        (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", "HP003", (1, 1)),
        (b"# coding: klingon\nx = 1\n", "HP003", (1, 1)),
        (b"# coding: rot13\nk = 1\n", "HP003", (1, 1)),
        (b"# coding: ascii\nx = '\xc3\xa9'\n", "HP003", (1, 1)),
        ("x = 1".encode("utf-16"), "HP003", (1, 1)),
        (b"x = 1\ny = \0\n", "HP003", (2, 5)),
        (b"x = " + b"(" * 300 + b")" * 300, "HP005", (1, 1)),
        (b"x = " + b"-" * 50_000 + b"1", "HP005", (1, 1)),
        (b"".join(b" " * depth + b"if x:\n" for depth in range(150)), "HP005", (1, 1)),
    ],
)
def test_a_file_that_is_no_python_is_an_error_at_its_place(
    app: Path, content: bytes, code: str, place: tuple[int, int]
) -> None:
    (app / "bad.py").write_bytes(content)
    plan = scan(".", app)
    found = only_finding(plan)
    assert (found.path, found.code, found.severity) == ("bad.py", code, "error")
    assert (found.line, found.column if place[1] else 0) == place
    assert names(plan) == ["good"]


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("type Money = int\n", "3.12"),
        ("class Box[T]:\n    pass\n", "3.12"),
        ("async def f[T](x: T) -> T: ...\n", "3.12"),
        ("x = f'{d['a']}'\n", "3.12"),
        ("class Box[T = int]:\n    pass\n", "3.13"),
        ("try:\n    pass\nexcept OSError, ValueError:\n    pass\n", "3.14"),
        ("x = t'{name}'\n", "3.14"),
    ],
)
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python reads some of it")
def test_newer_syntax_names_the_version_it_needs(source: str, version: str) -> None:
    found = refused(source.encode())
    assert found.code == "HP002"
    assert f"Python {version}; this is 3.11" in found.message
    assert version in found.hint


@pytest.mark.parametrize(
    "source", ["class Box[\n", "x = f'{a'\n", "print 'hello'\n", "type = = 1\n", "def f[](): ...\n"]
)
def test_plain_mistakes_are_not_taken_for_newer_syntax(source: str) -> None:
    assert refused(source.encode(), (3, 14)).code == "HP001"


@pytest.mark.parametrize("content", [b"\xef\xbb\xbf", b"# -*- coding: latin-1 -*-\nname = '\xe9'\n", b"\r"])
def test_what_python_reads_is_read(app: Path, content: bytes) -> None:
    (app / "odd.py").write_bytes(content + SERVICE.replace("Good", "Odd").encode())
    plan = scan(".", app)
    assert not faults(plan)
    assert names(plan) == ["good", "odd"]


def test_expressions_too_deep_to_be_walked_do_not_end_the_scan(app: Path) -> None:
    union = " | ".join(["A"] * 900)
    (app / "deep.py").write_text(f"{SERVICE.replace('Good', 'Deep')}    x: {union}\n")
    assert "good" in names(scan(".", app))


if os.geteuid() != 0:  # root reads everything

    def test_a_file_that_may_not_be_read_is_an_error(app: Path) -> None:
        (app / "secret.py").write_text(SERVICE)
        (app / "secret.py").chmod(0)
        found = only_finding(scan(".", app))
        assert (found.path, found.code) == ("secret.py", "HP004")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_cannot_be_read_is_an_error(app: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (app / "secret").mkdir()
    (app / "secret" / "it.py").write_text(SERVICE)
    real_open, real_scandir = os.open, os.scandir

    def open_file(path: str, *rest: int) -> int:
        if str(path).endswith("it.py"):
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, *rest)

    def list_folder(path: str) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return real_scandir(path)

    if kind == "file":
        monkeypatch.setattr(os, "open", open_file)
    else:
        monkeypatch.setattr(os, "scandir", list_folder)
    plan = scan(".", app)
    found = only_finding(plan)
    assert (found.path, found.code) == ("secret/it.py" if kind == "file" else "secret", "HP004")
    assert f"the {kind} cannot be read: Permission denied" in found.message
    assert names(plan) == ["good"]


def test_a_file_that_is_gone_again_is_no_failure(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (app / "brief.py").write_text(SERVICE.replace("Good", "Brief"))
    real = reading.read_source

    def read(path: str) -> reading.SourceText:
        if path.endswith("brief.py"):
            (app / "brief.py").unlink()
        return real(path)

    monkeypatch.setattr(store, "read_source", read)
    plan = scan(".", app)
    assert (names(plan), faults(plan)) == (["good"], [])


def test_a_file_that_never_stands_still_is_read_as_it_is_and_not_trusted(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(1000))

    def restless(status: os.stat_result) -> Identity:
        return status.st_size, next(ticks), 0, 0

    monkeypatch.setattr(reading, "identity", restless)
    text = reading.read_source(os.fspath(app / "good.py"))
    assert text.content == SERVICE.encode()
    assert text.identity == NO_FILE


def test_links_that_lead_round_in_circles_are_not_followed(app: Path) -> None:
    (app / "part").mkdir()
    (app / "part" / "up").symlink_to(app, target_is_directory=True)
    (app / "part" / "self").symlink_to("self")
    (app / "loop").symlink_to("part", target_is_directory=True)
    (app / "nothing.py").symlink_to("nowhere")
    plan = scan(".", app)
    assert (names(plan), faults(plan)) == (["good"], [])


def test_a_linked_folder_from_elsewhere_is_part_of_the_application_once(tmp_path: Path) -> None:
    app, shared = tmp_path / "app", tmp_path / "shared"
    app.mkdir()
    (shared / "deep").mkdir(parents=True)
    (shared / "deep" / "lent.py").write_text(SERVICE.replace("Good", "Lent"))
    (shared / "back").symlink_to(shared, target_is_directory=True)
    (shared / "home").symlink_to(app, target_is_directory=True)
    (app / "one").symlink_to(shared, target_is_directory=True)
    (app / "two").symlink_to(shared, target_is_directory=True)
    plan = scan(".", app)
    assert (names(plan), faults(plan)) == (["lent"], [])


def test_modules_that_import_each_other_are_followed_once(write: Write) -> None:
    root = write(
        {
            "a.py": f"from b import B\n{SERVICE.replace('Good', 'A(B)')}",
            "b.py": "from a import *\nfrom c import C\nclass B(C): ...\n",
            "c.py": "import a, b\nC = b.B\n",
        }
    )
    plan = scan(".", root)
    assert names(plan) == ["a"]
    assert plan.services[0].files == ("a.py", "b.py", "c.py")


@pytest.mark.parametrize(
    "name", ["new\nline.py", "quo\"te's.py", "-rf.py", "--help.py", "a b.py", "ünï.py", "a.b.py", ".py", "\x1b[31m.py"]
)
def test_hostile_names_are_names(app: Path, name: str) -> None:
    (app / name).write_text("class Broken\n")
    cache = app / ".homeport" / "cache"
    first, second = scan(".", app, cache=cache), scan(".", app, cache=cache)
    assert first == second
    assert names(first) == ["good"]
    assert [found.path for found in faults(first)] == ([name] if not name.startswith(".") else [])


def test_a_name_that_is_no_text_is_read_but_not_kept(app: Path) -> None:
    path = os.fsencode(app) + b"/caf\xe9.py"
    try:
        with open(path, "wb") as file:
            file.write(SERVICE.replace("Good", "Cafe").encode())
    except OSError:
        pytest.skip("this file system wants text")
    cache = app / ".homeport" / "cache"
    assert names(scan(".", app, cache=cache)) == names(scan(".", app, cache=cache)) == ["cafe", "good"]


def test_what_only_looks_like_a_file_is_left_alone(app: Path) -> None:
    os.mkfifo(app / "pipe.py")
    (app / "folder.py").mkdir()
    plan = scan(".", app)
    assert (names(plan), faults(plan)) == (["good"], [])


def test_a_long_generated_file_is_read_and_can_be_excluded(app: Path) -> None:
    (app / "generated_pb2.py").write_text("".join(f"VALUE_{n} = {n}\n" for n in range(100_000)) + "class Broken\n")
    assert only_finding(scan(".", app)).line == 100_001
    assert not faults(scan(".", app, ["*_pb2.py"]))


def test_a_file_of_ten_megabytes_is_read(app: Path) -> None:
    filler = "# " + "x" * 998 + "\n"
    (app / "large.py").write_text(SERVICE.replace("Good", "Large") + filler * 10_000)
    assert names(scan(".", app)) == ["good", "large"]
