from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as xml

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homeport.build.diagnostics.finding import Edit, Finding
from homeport.build.diagnostics.formats.concise import concise
from homeport.build.diagnostics.formats.full import plain
from homeport.build.diagnostics.formats.github import github
from homeport.build.diagnostics.formats.junit import junit
from homeport.build.diagnostics.formats.plain_json import as_json
from homeport.build.diagnostics.formats.sarif import sarif
from homeport.build.diagnostics.report import Report, told
from homeport.build.diagnostics.texts import Texts

SOURCE = """\
class Cart:
    async def pay(self, order):
        await self.paymets.process(order)
"""
UNKNOWN = Finding(
    severity="warning",
    path="shop/cart.py",
    line=3,
    column=15,
    code="HP201",
    message="service 'cart' calls 'paymets', which is not in this application",
    hint="did you mean 'payments'?",
)
SETTING = Finding(severity="warning", path="[services.crt]", line=0, column=0, code="HP801", message="no such service")
CYCLE = Finding(severity="note", path="shop/cart.py", line=1, column=1, code="HP302", message="cart → ad → cart")


def report(root: Path, *findings: Finding, source: str | bytes = SOURCE) -> Report:
    (root / "shop").mkdir(exist_ok=True)
    (root / "shop" / "cart.py").write_bytes(source if isinstance(source, bytes) else source.encode())
    return Report(told=told(findings, Texts(root), root), root=str(root), services=("cart",))


def test_full_shows_the_source_underlines_the_place_and_says_the_way_out(tmp_path: Path) -> None:
    assert plain(report(tmp_path, UNKNOWN)) == (
        "shop/cart.py:3:15: HP201 warning: service 'cart' calls 'paymets', which is not in this application\n"
        "  |\n"
        "2 |     async def pay(self, order):\n"
        "3 |         await self.paymets.process(order)\n"
        "  |               ^^^^^^^^^^^^^^^^^^^^\n"
        "  |\n"
        "  = hint: did you mean 'payments'?\n"
        "  = help: homeport explain HP201\n"
    )


def test_full_of_a_setting_has_no_source(tmp_path: Path) -> None:
    assert plain(report(tmp_path, SETTING)) == (
        "[services.crt]: HP801 warning: no such service\n  = help: homeport explain HP801\n"
    )


def test_full_underlines_every_line_of_a_finding_over_several(tmp_path: Path) -> None:
    wide = Finding(
        severity="error", path="shop/cart.py", line=1, column=1, end_line=2, end_column=14, message="m", code="HP405"
    )
    assert plain(report(tmp_path, wide)).splitlines()[2:6] == [
        "1 | class Cart:",
        "  | ^^^^^^^^^^^",
        "2 |     async def pay(self, order):",
        "  |     ^^^^^^^^^",
    ]


def test_full_of_a_long_finding_shows_its_first_lines(tmp_path: Path) -> None:
    source = "\n".join(f"line_{number}" for number in range(1, 21))
    long = Finding(severity="error", path="shop/cart.py", line=3, column=6, end_line=20, message="m", code="HP405")
    ends = Finding(**{**{f: getattr(long, f) for f in long.__struct_fields__}, "end_column": 3})
    shown = plain(report(tmp_path, ends, source=source)).splitlines()
    assert [row.split(" | ")[1] for row in shown if row.startswith(tuple("0123456789"))] == [
        f"line_{number}" for number in range(2, 8)
    ]
    assert shown[4:7] == ["  |      ^", "4 | line_4", "  | ^^^^^^"]
    last = Finding(severity="error", path="shop/cart.py", line=20, column=1, message="m", code="HP405")
    assert "20 | line_20" in plain(report(tmp_path, last, source=source))


def test_columns_count_characters_where_the_parser_counts_bytes(tmp_path: Path) -> None:
    text = 'x = "é漢"; self.pay.now()\n'
    found = Finding(
        severity="error", path="shop/cart.py", line=1, column=len('x = "é漢"; '.encode()) + 1, message="m", code="HP2"
    )
    made = report(tmp_path, found, source=text)
    assert concise(made).startswith(f"shop/cart.py:1:{text.index('self') + 1}: ")
    source, marks = plain(made).splitlines()[2:4]
    assert marks.index("^") == source.index("self") + 1  # 漢 takes two columns of the terminal
    assert marks.count("^") == len("self.pay.now")


def test_tabs_and_control_characters_keep_the_underline_in_place(tmp_path: Path) -> None:
    found = Finding(severity="error", path="shop/cart.py", line=2, column=2, message="m", code="HP001")
    source, marks = plain(report(tmp_path, found, source="if x:\n\tself.pay('\x1b[31m')\n")).splitlines()[3:5]
    assert marks.index("^") == source.index("self")
    assert "\x1b" not in source


@pytest.mark.parametrize("line", [0, 1, 4, 99])
def test_a_place_that_the_file_does_not_have_is_told_without_source(tmp_path: Path, line: int) -> None:
    lost = Finding(severity="error", path="shop/gone.py", line=line, column=7, message="m", code="HP004")
    assert "HP004 error: m" in plain(report(tmp_path, lost))


def test_concise_is_one_line_a_finding_whatever_the_message(tmp_path: Path) -> None:
    broken = Finding(severity="error", path="a\nb.py", line=1, column=1, message="two\nlines", code="HP001")
    assert concise(report(tmp_path, UNKNOWN, broken)).splitlines() == [
        "shop/cart.py:3:15: HP201 warning: service 'cart' calls 'paymets', which is not in this application; "
        "did you mean 'payments'?",
        "a\\nb.py:1:1: HP001 error: two lines",
    ]


def test_json_says_all_of_it(tmp_path: Path) -> None:
    edit = Edit(path="shop/cart.py", line=3, column=1, end_line=3, end_column=1, text="#")
    with_edit = Finding(**{**{f: getattr(UNKNOWN, f) for f in UNKNOWN.__struct_fields__}, "edits": (edit,)})
    document = json.loads(as_json(report(tmp_path, with_edit, SETTING)))
    assert document["counts"] == {"error": 0, "warning": 2, "note": 0}
    first, second = document["findings"]
    assert (first["path"], first["line"], first["column"], first["end_column"]) == ("shop/cart.py", 3, 15, 35)
    assert first["edits"] == [
        {"path": "shop/cart.py", "line": 3, "column": 1, "end_line": 3, "end_column": 1, "text": "#"}
    ]
    assert (second["path"], second["setting"], second["line"]) == (None, "[services.crt]", None)


def test_github_commands_escape_what_would_end_them(tmp_path: Path) -> None:
    odd = Finding(severity="error", path="a,b:c.py", line=1, column=1, message="100%\nsure", code="HP001", hint="no")
    assert github(report(tmp_path, odd, CYCLE, SETTING)).splitlines() == [
        "::error title=Homeport HP001,file=a%2Cb%3Ac.py,line=1,endLine=1,col=1,endColumn=2"
        "::a,b:c.py:1:1: 100%25%0Asure%0Ahint: no",
        "::notice title=Homeport HP302,file=shop/cart.py,line=1,endLine=1,col=1,endColumn=6"
        "::shop/cart.py:1:1: cart → ad → cart",
        "::warning title=Homeport HP801::[services.crt]: no such service",
    ]


def test_junit_fails_a_case_for_each_finding_but_notes(tmp_path: Path) -> None:
    root = xml.fromstring(junit(report(tmp_path, UNKNOWN, CYCLE, SETTING)).encode())
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "2")
    cases = root.findall("./testsuite/testcase")
    assert [case.attrib["classname"] for case in cases] == ["shop/cart.py", "shop/cart.py", "[services.crt]"]
    assert [case.find("failure") is not None for case in cases] == [True, False, True]
    (passed,) = xml.fromstring(junit(report(tmp_path)).encode()).findall("./testsuite/testcase")
    assert len(passed) == 0


def assert_valid_sarif(document: dict[str, Any]) -> None:
    """The schema's essentials; see OASIS, SARIF 2.1.0, sections 3.13 to 3.30."""
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-schema-2.1.0.json")
    for run in document["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"]
        rules = driver["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for rule in rules:
            assert rule["shortDescription"]["text"]
            assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        for result in run["results"]:
            assert result["message"]["text"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            for location in result["locations"]:
                _assert_valid_location(location)
            for fix in result.get("fixes", ()):
                for change in fix["artifactChanges"]:
                    assert change["replacements"]


def _assert_valid_location(location: dict[str, Any]) -> None:
    if "physicalLocation" in location:
        assert " " not in location["physicalLocation"]["artifactLocation"]["uri"]
        region = location["physicalLocation"].get("region")
        assert region is None or (region["startLine"] >= 1 and region["startColumn"] >= 1)
        assert region is None or (region["endLine"], region["endColumn"]) >= (region["startLine"], 1)
    else:
        assert location["logicalLocations"][0]["fullyQualifiedName"]


def test_sarif_is_valid_and_names_the_rules_it_uses(tmp_path: Path) -> None:
    edit = Edit(path="shop/cart.py", line=3, column=1, end_line=3, end_column=1, text="#")
    spaced = Finding(severity="error", path="my shop/é.py", line=0, column=0, message="m", code="HP004", edits=(edit,))
    document = json.loads(sarif(report(tmp_path, UNKNOWN, SETTING, CYCLE, spaced, UNKNOWN), "1.2.3"))
    assert_valid_sarif(document)
    (run,) = document["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["HP004", "HP201", "HP302", "HP801"]
    location = run["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"] == {"uri": "shop/cart.py", "uriBaseId": "%SRCROOT%"}
    assert location["region"] == {"startLine": 3, "startColumn": 15, "endLine": 3, "endColumn": 35}
    prints = [result["partialFingerprints"]["homeport/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def test_a_sarif_fingerprint_does_not_change_when_lines_move(tmp_path: Path) -> None:
    moved = Finding(**{**{f: getattr(UNKNOWN, f) for f in UNKNOWN.__struct_fields__}, "line": 5})
    before = json.loads(sarif(report(tmp_path, UNKNOWN), "1"))["runs"][0]["results"][0]
    after = json.loads(sarif(report(tmp_path, moved, source=f"\n\n{SOURCE}"), "1"))["runs"][0]["results"][0]
    assert before["partialFingerprints"] == after["partialFingerprints"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    source=st.binary(max_size=80) | st.text(max_size=80).map(lambda text: text.encode("utf-8", "replace")),
    path=st.text(st.characters(exclude_characters="/\0", exclude_categories=()), min_size=1, max_size=9),
    message=st.text(min_size=1, max_size=20),
    line=st.integers(0, 9),
    column=st.integers(1, 99),
    end=st.integers(0, 99),
)
def test_no_file_name_message_or_place_breaks_a_format(
    tmp_path: Path, source: bytes, path: str, message: str, line: int, column: int, end: int
) -> None:
    odd = Finding(
        severity="error", path=f"{path}.py", line=line, column=column, end_column=end, message=message, code="HP202"
    )
    inside = Finding(severity="note", path="shop/cart.py", line=line, column=column, message=message, code="HP302")
    made = report(tmp_path, odd, inside, source=source)
    plain(made)
    assert len(concise(made).splitlines()) >= 2
    assert len(github(made).split("\n")) == 3
    json.loads(as_json(made))
    assert_valid_sarif(json.loads(sarif(made, "1")))
    xml.fromstring(junit(made).encode())
