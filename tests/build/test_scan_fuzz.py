"""Whatever is written, the scan ends and names places that exist."""

from __future__ import annotations

import keyword
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.build.application import scan
from homeport.build.plan import Plan
from tests.build.made_applications import applications

ROOT = Path(__file__).resolve().parent.parent.parent
REAL = sorted([*ROOT.glob("examples/**/*.py"), *ROOT.glob("src/homeport/**/*.py"), *ROOT.glob("tests/build/*.py")])
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def scanned(files: Mapping[str, str | bytes]) -> Plan:
    """The plan of these files, after a look at every place that it names."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
        plan = scan(".", root)
        for finding in plan.findings:
            assert_place_exists(root, finding.path, finding.line, finding.column)
            if finding.end_line:
                assert_place_exists(root, finding.path, finding.end_line, finding.end_column)
                assert (finding.line, finding.column) <= (finding.end_line, finding.end_column)
        for service in plan.services:
            assert_place_exists(root, service.location.path, service.location.line, 1)
            assert set(service.files) <= {path.relative_to(root).as_posix() for path in root.rglob("*.py")}
        assert len({service.name for service in plan.services}) == len(plan.services)
        return plan


def assert_place_exists(root: Path, path: str, line: int, column: int) -> None:
    """``line`` 1 of an empty file exists, and so does the column after the last character."""
    if path == ".":
        return
    content = (root / path).read_bytes()
    lines = content.splitlines() or [b""]
    # A tokenizer may see the end one line further; columns count bytes here, so no character is beyond them.
    assert 0 <= line <= len(lines) + 1, (path, line, content)
    longest = max(len(text) for text in [*lines[max(0, line - 1) : line], b""])
    assert 0 <= column <= longest + 2, (path, line, column, content)


@UNHURRIED
@given(st.binary(max_size=300))
def test_no_bytes_whatever_make_the_scan_fail(content: bytes) -> None:
    scanned({"shop.py": content})


@UNHURRIED
@given(st.text(max_size=200))
def test_no_text_whatever_makes_the_scan_fail(text: str) -> None:
    scanned({"shop.py": text, "marks.py": f"from homeport import service\n{text}"})


WORDS = (
    *keyword.kwlist, *keyword.softkwlist, "service", "homeport", "hp", "self", "a", "b", "Shop", "__init__", "__all__",
    "dependency", "method", "payments", "1",
    "'x'", "f'{a}'", '"""', "(", ")", "[", "]", "{", "}", ":", ",", ".", "=", ":=", "*",
    "**", "@", "->", "|", "\n", "\n    ", "\n        ", "\t", "\\\n", "# homeport: ignore", "\x00", "\ufeff", "é",
)  # fmt: skip


@UNHURRIED
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_no_order_of_words_makes_the_scan_fail(words: list[str]) -> None:
    scanned({"shop.py": "import homeport as hp\nfrom homeport import *\n" + " ".join(words)})


@UNHURRIED
@given(applications(), st.integers(0, 2**32))
def test_no_damage_to_an_application_makes_the_scan_fail(files: dict[str, str], seed: int) -> None:
    rng = random.Random(seed)
    damaged = {name: damage(text, rng) if rng.random() < 0.7 else text for name, text in files.items()}
    scanned(damaged)


@settings(UNHURRIED, max_examples=30)
@given(st.sampled_from(REAL), st.integers(0, 2**32))
def test_no_damage_to_real_code_makes_the_scan_fail(path: Path, seed: int) -> None:
    scanned({"shop.py": damage(path.read_text(), random.Random(seed))})


def damage(text: str, rng: random.Random) -> str:
    """A few lines lost, doubled, swapped, cut or with a word put in, as in a file that somebody is just writing."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 4)):
        here, there = rng.randrange(len(lines)), rng.randrange(len(lines))
        line = lines[here]
        match rng.randrange(6):
            case 0:
                del lines[here]
                lines = lines or [""]
            case 1:
                lines.insert(there, line)
            case 2:
                lines[here], lines[there] = lines[there], line
            case 3:
                lines[here] = line[: rng.randint(0, len(line))]
            case 4:
                cut = rng.randint(0, len(line))
                lines[here] = f"{line[:cut]} {rng.choice(WORDS)} {line[cut:]}"
            case 5:
                lines[here] = "    " + line if rng.random() < 0.5 else line.removeprefix("    ")
    return "\n".join(lines)
