from __future__ import annotations

from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.diagnostics.comments import ignores
from homeport.build.diagnostics.finding import Finding
from homeport.build.diagnostics.selection import Selection, matches, wrong_codes
from homeport.build.diagnostics.sifting import Idle, Sifted, sift

ROOT = PurePath("/work/shop/src")
CODES = ["HP010", "HP120", "HP201", "HP202", "HP301", "HP302", "HP501"]


def finding(code: str, path: str = "shop/cart.py", line: int = 1, severity: str = "warning") -> Finding:
    return Finding(severity=severity, path=path, line=line, column=1, message="found", code=code)


def taken(selection: Selection) -> list[str]:
    return [code for code in CODES if selection.takes(finding(code), ROOT)]


def test_all_are_told_but_quiet_ones() -> None:
    assert taken(Selection(quiet=frozenset({"HP120"}))) == [code for code in CODES if code != "HP120"]


def test_codes_may_be_cut_short() -> None:
    assert taken(Selection(select=("HP2", "HP302"))) == ["HP201", "HP202", "HP302"]
    assert taken(Selection(ignore=("HP2", "HP0"))) == ["HP120", "HP301", "HP302", "HP501"]


def test_the_longer_code_decides_and_of_two_alike_the_one_that_ignores() -> None:
    assert taken(Selection(select=("HP202",), ignore=("HP2",))) == ["HP202"]
    assert taken(Selection(select=("HP2",), ignore=("HP202",))) == ["HP201"]
    assert taken(Selection(select=("HP201",), ignore=("HP201",))) == []
    assert taken(Selection(select=("ALL",), ignore=("ALL",))) == []


def test_quiet_rules_are_selected_by_their_whole_code_or_by_all() -> None:
    quiet = frozenset({"HP120"})
    assert "HP120" not in taken(Selection(select=("HP1", "HP"), quiet=quiet))
    assert "HP120" in taken(Selection(select=("HP120",), quiet=quiet))
    assert "HP120" in taken(Selection(select=("ALL",), quiet=quiet))


def test_an_error_that_leaves_the_plan_incomplete_cannot_be_silenced() -> None:
    nothing = Selection(select=("HP3",), ignore=("ALL",), exclude=("*",))
    assert nothing.takes(finding("HP001", severity="error"), ROOT)
    assert nothing.takes(finding("HP107", severity="error"), ROOT)
    assert not nothing.takes(finding("HP202", severity="error"), ROOT)
    comment = {"shop/cart.py": ignores(b"a = 1  # homeport: ignore\n")}
    assert sift([finding("HP107", severity="error")], Selection(), comment, ROOT).kept


def test_files_are_meant_by_globs_from_the_import_root_or_the_settings_file() -> None:
    for glob in ("shop/*.py", "shop", "cart.py", "*/cart.py", "src/shop/*.py", "src/shop/", "./src/shop"):
        selection = Selection(per_file={glob: ("HP2",)}, base=PurePath("/work/shop"))
        assert not selection.takes(finding("HP201"), ROOT), glob
        assert selection.takes(finding("HP201", path="other/stock.py"), ROOT), glob
        assert selection.takes(finding("HP301"), ROOT), glob
        assert not Selection(exclude=(glob,), base=PurePath("/work/shop")).takes(finding("HP301"), ROOT), glob


def test_the_folder_that_holds_the_project_has_no_say() -> None:
    assert Selection(exclude=("work", "work/*"), base=PurePath("/work/shop")).takes(finding("HP201"), ROOT)


@pytest.mark.parametrize(
    ("path", "glob", "means"),
    [
        ("a/b/c.py", "b", True),
        ("a/b/c.py", "a/b", True),
        ("a/b/c.py", "b/c.py", False),
        ("a/b/c.py", "*.py", True),
        ("a/b/c.py", "a/**", True),
        ("a/b/c.py", "a/*.pyi", False),
        ("[services.cart]", "*.py", False),
    ],
)
def test_a_glob_without_a_slash_means_any_part_of_a_path(path: str, glob: str, means: bool) -> None:
    assert matches(path, glob) is means


def test_codes_of_no_rule_are_known_as_wrong() -> None:
    assert wrong_codes(["HP2", "HP201", "HP", "ALL", "HP299", "H201", "HP20111", "cycle"], CODES) == [
        "HP299",
        "H201",
        "HP20111",
        "cycle",
    ]


def sifted(source: str, *findings: Finding, selection: Selection | None = None) -> Sifted:
    return sift(findings, selection or Selection(), {"shop/cart.py": ignores(source.encode())}, ROOT)


def test_what_a_comment_silences_is_counted_and_not_told() -> None:
    result = sifted("a = 1  # homeport: ignore[HP201]\n", finding("HP201"), finding("HP202"))
    assert [one.code for one in result.kept] == ["HP202"]
    assert (result.silenced, result.idle) == (1, ())


def test_a_comment_that_silences_nothing_is_idle_in_whole_or_in_part() -> None:
    (whole,) = sifted("a = 1  # homeport: ignore[HP201, HP5]\n", finding("HP302")).idle
    assert whole.codes == ()
    (part,) = sifted("a = 1  # homeport: ignore[HP201, HP5]\n", finding("HP201")).idle
    assert part.codes == ("HP5",)
    (blanket,) = sifted("a = 1  # homeport: ignore\n").idle
    assert isinstance(blanket, Idle)


def test_a_comment_for_a_rule_that_is_not_selected_is_left_alone() -> None:
    only_graph = Selection(select=("HP3",))
    assert sifted("a = 1  # homeport: ignore[HP201]\n", selection=only_graph).idle == ()
    assert sifted("a = 1  # homeport: ignore[HP201]\n", finding("HP201"), selection=only_graph) == Sifted((), 0, ())


@given(
    st.lists(st.sampled_from(CODES), max_size=6),
    st.lists(st.sampled_from([*CODES, "HP2", "HP3", "HP", "ALL"]), max_size=4),
    st.lists(st.sampled_from([*CODES, "HP2", "HP3", "HP", "ALL"]), max_size=4),
)
def test_what_is_left_was_found_and_more_ignoring_leaves_less(
    codes: list[str], select: list[str], ignore: list[str]
) -> None:
    findings = [finding(code, line=number) for number, code in enumerate(codes, 1)]
    source = "a = 1\n" * 3 + "b = 2  # homeport: ignore[HP2]\n"
    comments = {"shop/cart.py": ignores(source.encode())}
    loose = sift(findings, Selection(select=tuple(select)), comments, ROOT)
    strict = sift(findings, Selection(select=tuple(select), ignore=tuple(ignore)), comments, ROOT)
    assert set(loose.kept) <= set(findings)
    assert set(strict.kept) <= set(loose.kept)
    assert len(loose.kept) + loose.silenced <= len(findings)
