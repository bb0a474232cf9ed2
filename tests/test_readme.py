"""What the README and the docs show is true: their links lead somewhere, their commands exist, their code runs."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.build.application import scan
from tests.real_node import running

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    """The code blocks of a page in this language, each with the prose between it and the block before."""
    parts = re.split(r"^```", page.read_text(), flags=re.MULTILINE)
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return [(prose, code.removeprefix(f"{language}\n")) for prose, code in pairs if code.startswith(f"{language}\n")]


def tutorial_files() -> dict[str, str]:
    files = {}
    for before, block in blocks(ROOT / "README.md", "python"):
        names = re.findall(r"`(\w+\.py)`", before)
        if names:
            files[names[-1]] = block
    return files


@pytest.fixture
def tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, text in tutorial_files().items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in tutorial_files():
        sys.modules.pop(name.removesuffix(".py"), None)


def commands() -> list[list[str]]:
    """Every `homeport …` that a page shows in a shell block, as words."""
    lines = [line for page in PAGES for _, block in blocks(page, "sh") for line in block.splitlines()]
    lines = [re.sub(r"^(\.venv/bin/|\$ )", "", line.strip()) for line in lines]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("homeport ")]


def test_the_seed_is_shown_as_it_runs() -> None:
    assert (
        next(block for _, block in blocks(ROOT / "README.md", "python"))
        == (ROOT / "examples" / "seed" / "payment.py").read_text()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


def test_every_command_shown_exists_with_its_options() -> None:
    import typer.main

    from homeport.cli.app import build

    known = typer.main.get_command(build()).commands  # type: ignore[attr-defined]
    assert len(commands()) > 15
    for name, *words in commands():
        assert name in known, f"homeport {name} is shown, and does not exist"
        parameters = known[name].params
        options = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in options]
        assert not unknown, f"homeport {name} has no {unknown}"


def test_the_tutorials_services_are_found_and_wired(tutorial: Path) -> None:
    plan = scan(".", tutorial)
    assert [service.name for service in plan.services] == ["basket", "prices"]
    assert [dependency.service for dependency in plan.services[0].dependencies] == ["prices"]
    assert [found for found in plan.findings if found.severity != "note"] == []


def test_the_tutorials_test_passes(tutorial: Path) -> None:
    import test_basket  # type: ignore[import-not-found]

    test_basket.test_a_basket_adds_up()


def test_the_tutorial_works_when_typed(tutorial: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    shell = "\n".join(block for _, block in blocks(ROOT / "README.md", "sh"))
    promised = re.findall(r"^homeport (call .*\S)  +# (.+)$", shell, re.MULTILINE)
    assert len(promised) == 3
    with running(".", tutorial, tmp_path_factory.mktemp("node")) as node:
        for command, answer in promised:
            done = node.homeport(*shlex.split(command))
            assert answer.removeprefix("refused before it ran: ") in done.stdout + done.stderr
        assert node.homeport("scale", "prices", "3").returncode == 0
        assert "scaled to 3" in node.homeport("why", "prices").stdout
        assert node.python("script.py").stdout == "830\n"
