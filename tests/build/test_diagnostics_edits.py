from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.diagnostics.comments import ignores
from homeport.build.diagnostics.finding import Edit, Finding
from homeport.build.diagnostics.fixes.applying import apply
from homeport.build.diagnostics.fixes.writing import NotFixed, changed, replace
from homeport.build.diagnostics.selection import Selection
from homeport.build.diagnostics.sifting import sift
from homeport.build.diagnostics.unused import unused_ignores, wrong_ignores


def edit(line: int, column: int, end_column: int, text: str, end_line: int = 0) -> Edit:
    return Edit(path="a.py", line=line, column=column, end_line=end_line or line, end_column=end_column, text=text)


def test_edits_replace_insert_and_remove() -> None:
    text = "one\ntwo\nthree\n"
    groups = [[edit(1, 1, 4, "ONE")], [edit(2, 1, 1, "and ")], [edit(3, 1, 1, "", end_line=4)]]
    assert apply(text, groups).text == "ONE\nand two\n"


def test_the_edits_of_a_finding_are_made_together_or_not_at_all() -> None:
    first, second = [edit(1, 1, 4, "ONE")], [edit(2, 1, 4, "TWO"), edit(1, 2, 3, "x")]
    applied = apply("one\ntwo\n", [first, second])
    assert (applied.text, applied.groups) == ("ONE\ntwo\n", (0,))


def test_an_edit_that_two_findings_share_is_made_once() -> None:
    shared = edit(1, 1, 1, "import x\n")
    applied = apply("one\ntwo\n", [[shared, edit(2, 1, 2, "T")], [shared, edit(2, 2, 4, "WO")]])
    assert (applied.text, applied.groups) == ("import x\none\nTWO\n", (0, 1))


def test_two_insertions_at_one_place_wait_for_each_other() -> None:
    applied = apply("one\n", [[edit(1, 1, 1, "a")], [edit(1, 1, 1, "b")]])
    assert (applied.text, applied.groups) == ("aone\n", (0,))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_new_lines_end_like_those_of_the_file(end: str) -> None:
    assert apply(f"one{end}two{end}", [[edit(2, 1, 1, "x\ny\n")]]).text == f"one{end}x{end}y{end}two{end}"


@given(
    st.lists(st.text("ab", max_size=4), min_size=1, max_size=5).map("\n".join),
    st.lists(
        st.builds(
            lambda line, start, length, text: edit(line, start, start + length, text),
            st.integers(1, 6),
            st.integers(1, 5),
            st.integers(0, 4),
            st.text("XY", max_size=3),
        ).map(lambda one: [one]),
        max_size=5,
    ),
)
def test_what_was_not_edited_stays_and_the_rest_is_left_for_the_next_round(text: str, groups: list[list[Edit]]) -> None:
    applied = apply(text, groups)
    left = [group for number, group in enumerate(groups) if number not in applied.groups]
    assert len(left) < len(groups) or not groups
    kept = [character for character in applied.text if character in "ab\n"]
    rest = iter(text)
    assert all(any(character == other for other in rest) for character in kept)


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "\ufeffname = 'é'\n".encode(),
        "# -*- coding: latin-1 -*-\nname = 'é'\n".encode("latin-1"),
        b"name = 1\r\nother = 2\r\n",
        b"name = 1",
    ],
)
def test_a_file_keeps_its_encoding_its_mark_and_its_line_ends(source: bytes) -> None:
    after, _ = changed(source, [[edit(1, 1, 1, "")], [edit(9, 1, 1, "\nx = 3\n")]])
    assert after.startswith(source)
    assert after.removeprefix(source).replace(b"\r\n", b"\n") == b"\nx = 3\n"
    assert (b"\r\n" in after) == (b"\r\n" in source)


def test_what_would_be_no_valid_python_is_refused() -> None:
    with pytest.raises(NotFixed, match="no valid Python"):
        changed(b"a = 1\n", [[edit(1, 1, 1, "(")]])


def test_what_does_not_fit_the_encoding_is_refused() -> None:
    with pytest.raises(NotFixed, match="encoding"):
        changed(b"a = '\xff'\n", [[edit(1, 1, 1, "#")]])
    with pytest.raises(NotFixed, match="iso-8859"):
        changed(b"# coding: latin-1\n", [[edit(2, 1, 1, "# \xe6\xbc\xa2漢\n")]])


def test_a_file_is_replaced_with_its_rights_and_through_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.py", tmp_path / "link.py"
    real.write_bytes(b"a = 1\n")
    real.chmod(0o750)
    link.symlink_to(real)
    replace(link, b"a = 1\n", b"a = 2\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"a = 2\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o750
    assert sorted(os.listdir(tmp_path)) == ["link.py", "real.py"]


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"a = 2\n")
    with pytest.raises(NotFixed, match="changed meanwhile"):
        replace(path, b"a = 1\n", b"a = 3\n")
    assert path.read_bytes() == b"a = 2\n"
    with pytest.raises(NotFixed, match="cannot be written"):
        replace(tmp_path / "gone.py", b"", b"a = 3\n")


# -- comments that silence nothing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("a = 1  # homeport: ignore[HP201]", "a = 1"),
        ("a = 1  # homeport: ignore", "a = 1"),
        ("a = 1  # homeport: ignore[HP201] because of the bank", "a = 1"),
        ("a = 1  # noqa: E501  # homeport: ignore[HP201]", "a = 1  # noqa: E501"),
        ("a = 1  # homeport: ignore[HP201]  # noqa: E501", "a = 1  # noqa: E501"),
        ("    # homeport: ignore[HP201]\na = 1", "a = 1"),
        ("# homeport: ignore-file[HP201]\na = 1", "a = 1"),
    ],
)
def test_the_edit_for_an_unused_comment_leaves_everything_else(line: str, left: str) -> None:
    source = f"{line}\nb = 2\n"
    comments = {"a.py": ignores(source.encode())}
    (finding,) = unused_ignores(sift((), Selection(), comments, Path("/")).idle, lambda _: source.split("\n"))
    assert finding.code == "HP010"
    assert apply(source, [finding.edits]).text == f"{left}\nb = 2\n"


def test_the_edit_for_a_comment_of_which_a_part_is_needed_leaves_that() -> None:
    source = "a = 1  # homeport: ignore[HP201, HP5, HP3] the bank"
    used = Finding(severity="warning", path="a.py", line=1, column=1, message="found", code="HP302")
    comments = {"a.py": ignores(source.encode())}
    (finding,) = unused_ignores(sift([used], Selection(), comments, Path("/")).idle, lambda _: [source])
    assert finding.message == "this comment silences nothing of HP201, HP5"
    assert apply(source, [finding.edits]).text == "a = 1  # homeport: ignore[HP3] the bank"


def test_codes_that_no_rule_has_are_told_with_near_ones() -> None:
    source = b"a = 1  # homeport: ignore[HP201, HP299, H201]\n\nb = 1  # homeport: ignore HP201\n"
    known = ["HP201", "HP202"]
    found = list(wrong_ignores({"a.py": ignores(source)}, known))
    assert [(one.line, one.code, one.message) for one in found] == [
        (1, "HP011", "'H201' is no code of a finding"),
        (1, "HP011", "'HP299' is no code of a finding"),
        (3, "HP011", "codes stand between brackets, and here are none"),
    ]
    assert all("write `# homeport: ignore[HP20" in one.hint for one in found)
