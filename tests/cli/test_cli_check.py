from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Protocol
from xml.etree import ElementTree as xml

import pytest
from cli_fakes import Place

from homeport.cli.main import main

if TYPE_CHECKING:
    from conftest import Homeport

CART = """\
    from homeport import service


    @service
    class Cart:
        async def buy(self, order: str) -> None:
            await self.payments.process(order)
            await self.mial.send(order)
    """
PAYMENTS = """\
    from homeport import service


    @service
    class Payments:
        async def process(self, order: str) -> int:
            return 1
    """
MAIL = """\
    from homeport import service


    @service
    class Mail:
        async def send(self, text: str) -> None: ...
    """


class Write(Protocol):
    def __call__(self, name: str, text: str, /) -> Path: ...


@pytest.fixture
def write(place: Place) -> Write:
    def write_file(name: str, text: str) -> Path:
        path = place.folder / "shop" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
        return path

    return write_file


@pytest.fixture
def shop(write: Write) -> Write:
    """An application with one warning: a misspelt service."""
    for name, text in {"cart.py": CART, "payments.py": PAYMENTS, "mail.py": MAIL}.items():
        write(name, text)
    return write


def codes(out: str) -> list[str]:
    return [finding["code"] for finding in json.loads(out)["findings"]]


def test_a_warning_is_shown_with_its_source_and_ends_with_1(shop: Write, homeport: Homeport) -> None:
    ran = homeport("check", "shop")
    assert ran.code == 1
    assert ran.out.startswith("shop/cart.py:8:15: HP201 warning: service 'cart' calls 'mial'")
    assert "8 |         await self.mial.send(order)\n  |               ^^^^^^^^^^^^^^\n" in ran.out
    assert "= help: homeport explain HP201" in ran.out
    assert ran.err == "1 warning in 3 services\n"


def test_without_findings_it_says_so_and_ends_with_0(shop: Write, homeport: Homeport) -> None:
    shop("cart.py", CART.replace("mial", "mail"))
    ran = homeport("check", "shop")
    assert (ran.code, ran.out) == (0, "")
    assert "nothing to mend in 3 services" in ran.err


def test_notes_alone_are_no_failure(shop: Write, homeport: Homeport) -> None:
    shop("cart.py", CART.replace("mial", "mail"))
    ran = homeport("check", "shop", "--select", "HP120", "--format", "concise")
    assert ran.code == 0
    assert [line.split()[1] for line in ran.out.splitlines()] == ["HP120", "HP120"]
    assert ran.err == "2 notes in 3 services; `homeport check --fix` mends 2\n"


def test_a_target_that_is_not_there_is_a_wrong_usage(homeport: Homeport) -> None:
    ran = homeport("check", "nothing")
    assert ran.code == 2
    assert "nothing called 'nothing'" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fix", "--diff"), "give one of them"),
        (("--watch", "--diff"), "leave out --watch"),
        (("--format", "xml"), "xml"),
        (("--select", "HP2,HP3O2"), "HP3O2 is the code of no rule"),
        (("--ignore", "cycle"), "CYCLE is the code of no rule"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    shop: Write, homeport: Homeport, arguments: tuple[str, ...], said: str
) -> None:
    ran = homeport("check", "shop", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_rules_are_selected_and_ignored_on_the_command_line(shop: Write, homeport: Homeport) -> None:
    assert set(codes(homeport("check", "shop", "--json", "--select", "ALL").out)) >= {"HP120", "HP201"}
    assert "HP201" in codes(homeport("check", "shop", "--json", "--select", "hp2").out)
    assert codes(homeport("check", "shop", "--json", "--select", "HP3,HP4").out) == []
    assert codes(homeport("check", "shop", "--json", "--ignore", "HP3", "--ignore", "HP2").out) == []


def test_the_settings_select_and_the_command_line_has_the_last_word(shop: Write, homeport: Homeport) -> None:
    shop("homeport.toml", '[check]\nignore = ["HP2"]\n')
    assert codes(homeport("check", "shop", "--json").out) == []
    assert codes(homeport("check", "shop", "--json", "--ignore", "HP5").out) == ["HP201"]
    shop("homeport.toml", '[check.per_file_ignores]\n"car*.py" = ["HP201"]\n')
    assert codes(homeport("check", "shop", "--json").out) == []
    shop("homeport.toml", '[check]\nexclude = ["cart.py"]\n')
    assert codes(homeport("check", "shop", "--json").out) == []


def test_settings_that_fit_nothing_are_told_and_can_be_silenced(shop: Write, homeport: Homeport) -> None:
    shop("homeport.toml", '[check]\nignore = ["HP2", "HP299"]\n[services.maill]\nreplicas = 2\n')
    check, services = homeport("check", "shop", "--format", "concise").out.splitlines()
    assert check.startswith("[check]: HP803 warning: 'HP299' is the code of no rule, nor the beginning of one; did you")
    shop("homeport.toml", '[check]\nselect = ["HP299"]\n[services.maill]\nreplicas = 2\n')
    assert codes(homeport("check", "shop", "--json").out) == ["HP803"]
    assert services == "[services.maill]: HP801 warning: the application has no service 'maill'; did you mean mail?"
    assert codes(homeport("check", "shop", "--json", "--ignore", "HP2,HP8", "--select", "HP3").out) == []


def test_a_comment_silences_and_is_told_once_it_silences_nothing(shop: Write, homeport: Homeport) -> None:
    shop("cart.py", CART.replace("mial.send(order)", "mial.send(order)  # homeport: ignore[HP201]"))
    ran = homeport("check", "shop")
    assert (ran.code, ran.out) == (0, "")
    assert "3 services, 1 silenced" in ran.err
    shop("cart.py", CART.replace("mial.send(order)", "mail.send(order)  # homeport: ignore[HP201]"))
    ran = homeport("check", "shop", "--format", "concise")
    assert ran.out.startswith("shop/cart.py:8:38: HP010 warning: this comment silences nothing of HP201; remove it;")
    assert homeport("check", "shop", "--fix").code == 0
    assert "ignore" not in (shop("x.txt", "").parent / "cart.py").read_text()


def test_of_a_part_of_the_application_no_comment_is_called_unused(shop: Write, homeport: Homeport) -> None:
    shop("cart.py", CART.replace("mial.send(order)", "mail.send(order)  # homeport: ignore[HP302]"))
    assert "HP010" not in codes(homeport("check", "shop/cart.py", "--json").out)
    assert "HP010" in codes(homeport("check", "shop", "--json").out)


def test_a_file_that_cannot_be_parsed_is_an_error_whatever_is_selected(shop: Write, homeport: Homeport) -> None:
    shop("broken.py", "class Cart(:\n")
    ran = homeport("check", "shop", "--select", "HP3", "--ignore", "HP0", "--json")
    assert ran.code == 1
    assert codes(ran.out) == ["HP001"]


def test_fix_declares_handles_and_tells_what_it_did(shop: Write, homeport: Homeport) -> None:
    ran = homeport("check", "shop", "--fix")
    assert ran.code == 1  # the warning is left
    assert "fixed 1 finding in 1 file (1 HP120)" in ran.err
    cart = (shop("x.txt", "").parent / "cart.py").read_text()
    assert "if TYPE_CHECKING:\n    from payments import Payments\n" in cart
    assert '    payments: "Payments"\n' in cart
    assert "fixed" not in homeport("check", "shop", "--fix").err


def test_diff_shows_what_fix_would_do_and_does_not(shop: Write, homeport: Homeport) -> None:
    before = (shop("x.txt", "").parent / "cart.py").read_text()
    ran = homeport("check", "shop", "--diff")
    assert ran.code == 1
    assert '+    payments: "Payments"' in ran.out.splitlines()
    assert (shop("x.txt", "").parent / "cart.py").read_text() == before
    homeport("check", "shop", "--fix")
    assert homeport("check", "shop", "--diff") == (0, "", "")


def test_a_file_that_cannot_be_edited_is_told_and_left(
    shop: Write, homeport: Homeport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    ran = homeport("check", "shop", "--fix", "--select", "HP120")
    assert "cart.py was left as it is: it may not be written" in ran.err


@pytest.mark.parametrize("format", ["json", "sarif"])
def test_formats_for_programs_are_one_document(shop: Write, homeport: Homeport, format: str) -> None:
    ran = homeport("check", "shop", "--format", format)
    assert ran.code == 1
    json.loads(ran.out)
    assert ran.err == ""


def test_build_servers_get_junit_and_workflow_commands(shop: Write, homeport: Homeport) -> None:
    assert xml.fromstring(homeport("check", "shop", "--format", "junit").out).attrib["failures"] == "1"
    assert homeport("check", "shop", "--format", "github").out.startswith("::warning title=Homeport HP201,file=shop/")


@pytest.mark.parametrize("format", ["full", "concise", "json", "sarif", "github", "junit"])
def test_a_clean_application_is_clean_in_every_format(shop: Write, homeport: Homeport, format: str) -> None:
    shop("cart.py", CART.replace("mial", "mail"))
    assert homeport("check", "shop", "--format", format).code == 0


def test_watch_checks_again_after_every_change_and_survives_errors(
    shop: Write, place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    roots: list[Path] = []
    looked = asyncio.Event()

    async def a_change(root: Path, exclude: object):  # type: ignore[no-untyped-def]
        roots.append(root)
        shop("cart.py", "class (\n")
        yield {"cart.py"}
        looked.set()
        await asyncio.Event().wait()

    async def changed_settings(start: Path, cwd: Path, loaded: object):  # type: ignore[no-untyped-def]
        await looked.wait()
        shop("homeport.toml", "[check]\nselct = []\n")
        yield {"homeport.toml"}
        shop("homeport.toml", "")
        shop("cart.py", CART.replace("mial", "mail"))
        yield {"homeport.toml"}
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    monkeypatch.setattr("homeport.node.reload.changes", a_change)
    monkeypatch.setattr("homeport.cli.settings_changes.settings_changes", changed_settings)
    assert main(["check", "shop", "--watch"], place.surroundings()) == 130
    captured = capsys.readouterr()
    assert [line.split()[1] for line in captured.out.splitlines() if line.startswith("shop/")] == ["HP201", "HP001"]
    assert "unknown setting check.selct" in captured.err
    assert "nothing to mend in 3 services" in captured.err
    assert roots == [place.folder / "shop"]


def test_explain_tells_all_about_a_rule_by_code_or_name(homeport: Homeport) -> None:
    ran = homeport("explain", "hp201")
    assert ran.code == 0
    for part in (
        "HP201",
        "unknown-service",
        "Why it matters",
        "What to do",
        "For example",
        "# homeport: ignore[HP201]",
    ):
        assert part in ran.out
    assert homeport("explain", "unknown-service").out == ran.out
    assert homeport("explain", "HP201", "--json").value["name"] == "unknown-service"


def test_explain_lists_all_rules(homeport: Homeport) -> None:
    ran = homeport("explain", "--all")
    assert ran.code == 0
    assert "HP302" in ran.out
    assert homeport("explain").out == ran.out
    assert len(homeport("explain", "--all", "--json").value) > 40


def test_explain_of_what_is_no_rule_names_what_comes_near(homeport: Homeport) -> None:
    ran = homeport("explain", "unknown-servic")
    assert ran.code == 4
    assert "did you mean unknown-service" in ran.err
    assert homeport("explain", "HP2O1", "--json").problem["code"] == "no_such_rule"
