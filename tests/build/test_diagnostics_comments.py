from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.diagnostics.comments import Ignore, ignores
from homeport.build.diagnostics.finding import Finding


def found_at(line: int, end_line: int = 0, code: str = "HP201") -> Finding:
    return Finding(
        severity="warning", path="shop.py", line=line, column=1, end_line=end_line, message="found", code=code
    )


def only(source: str) -> Ignore:
    (ignore,) = ignores(source.encode())
    return ignore


def silences(source: str, finding: Finding) -> bool:
    return any(one.reaches(finding) and one.names(finding.code) for one in ignores(source.encode()))


def test_a_comment_silences_its_codes_on_its_line() -> None:
    source = "a = 1\nb = 2  # homeport: ignore[HP201, HP5]\nc = 3\n"
    assert only(source).codes == ("HP201", "HP5")
    assert silences(source, found_at(2))
    assert silences(source, found_at(2, code="HP502"))
    assert not silences(source, found_at(2, code="HP202"))
    assert not silences(source, found_at(1))
    assert not silences(source, found_at(3))


def test_without_codes_it_silences_all_of_them() -> None:
    source = "a = 1  # homeport: ignore\n"
    assert silences(source, found_at(1))
    assert silences(source, found_at(1, code="HP999"))


@pytest.mark.parametrize(
    "comment",
    [
        "#homeport:ignore[HP201]",
        "# homeport: ignore[HP201] the bank registers it from outside",
        "# noqa: E501  # homeport: ignore[HP201]",
        "# homeport: ignore[HP201]  # noqa",
        "# homeport:   ignore [ HP201 , ]",
    ],
)
def test_other_comments_and_reasons_may_stand_beside_it(comment: str) -> None:
    assert silences(f"a = 1  {comment}\n", found_at(1))
    assert only(f"a = 1  {comment}\n").wrong == ()


@pytest.mark.parametrize(
    "text", ['"# homeport: ignore"', "'''\n# homeport: ignore[HP201]\n'''", "f'# homeport: ignore'"]
)
def test_a_string_is_no_comment(text: str) -> None:
    assert ignores(f"a = {text}\n".encode()) == ()


def test_words_that_only_begin_like_it_are_none() -> None:
    assert ignores(b"a = 1  # homeport: ignores everything\nb = 1  # homeport: ignore-line[HP2]\n") == ()


@pytest.mark.parametrize("line", [1, 2, 3, 4])
def test_at_either_end_of_a_statement_it_reaches_the_lines_between(line: int) -> None:
    last = "result = call(\n    first,\n    second,\n)  # homeport: ignore[HP201]\n"
    first = "result = call(  # homeport: ignore[HP201]\n    first,\n    second,\n)\n"
    assert silences(last, found_at(line))
    assert silences(first, found_at(line))
    assert not silences(last, found_at(5))


def test_inside_a_statement_it_reaches_its_own_line_alone() -> None:
    source = "result = call(\n    first,  # homeport: ignore[HP201]\n    second,\n)\n"
    assert silences(source, found_at(2))
    assert not silences(source, found_at(3))
    assert silences(source, found_at(1, end_line=4))


def test_on_a_line_of_its_own_it_says_nothing_of_the_next() -> None:
    assert not silences("# homeport: ignore[HP201]\na = 1\n", found_at(2))


def test_for_a_whole_file_it_may_stand_anywhere() -> None:
    source = "a = 1\n\n# homeport: ignore-file[HP2]\n"
    assert silences(source, found_at(1))
    assert not silences(source, found_at(1, code="HP301"))


@pytest.mark.parametrize(
    ("comment", "wrong"),
    [
        ("# homeport: ignore[H201]", ("H201",)),
        ("# homeport: ignore[HP2011, HP201]", ("HP2011",)),
        ("# homeport: ignore HP201", ("# homeport: ignore HP201",)),
        ("# homeport: ignore[HP201", ("# homeport: ignore[HP201",)),
        ("# homeport: ignore[]", ("# homeport: ignore[]",)),
    ],
)
def test_what_is_not_written_right_silences_nothing_more_than_it_names(comment: str, wrong: tuple[str, ...]) -> None:
    ignore = only(f"a = 1  {comment}\n")
    assert ignore.wrong == wrong
    assert not ignore.names("HP502")


@pytest.mark.parametrize(
    "source",
    [
        b"a = (  # homeport: ignore\n",
        b"  b\n c  # homeport: ignore\n",
        b"\xff\xfe # homeport: ignore",
        b"# -*- coding: nonsense -*-\n# homeport: ignore",
        b"a = '''  # homeport: ignore",
        b"\x00 # homeport: ignore",
    ],
)
def test_a_file_that_is_not_valid_is_read_as_far_as_it_goes(source: bytes) -> None:
    assert len(ignores(source)) <= 1


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_no_bytes_make_it_fail(before: bytes, after: bytes) -> None:
    ignores(before + b"# homeport: ignore[HP201]" + after)


@given(st.lists(st.sampled_from(["a = 1", "b = (1,\n 2)", "", "# note", "c = '#'"]), max_size=8), st.data())
def test_a_comment_is_found_where_it_was_put(statements: list[str], data: st.DataObject) -> None:
    lines = "\n".join(statements).split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] += "  # homeport: ignore[HP201] because"
    (ignore,) = ignores("\n".join([*lines, ""]).encode())
    assert ignore.line == at + 1
    assert lines[at][ignore.column - 1 : ignore.end_column - 1] == "# homeport: ignore[HP201]"
