from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from homeport.build.diagnostics.checking import QUIET
from homeport.build.diagnostics.explaining import language, silencing
from homeport.build.diagnostics.page import page
from homeport.build.diagnostics.rule import Rule
from homeport.build.diagnostics.rules import FAMILIES, RULES, find_rule

ROOT = Path(__file__).parents[2]
SEVERITIES = {"error", "warning", "note"}
rules = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def test_codes_and_names_are_used_once_and_stand_in_order() -> None:
    assert list(RULES) == sorted(RULES)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


@rules
def test_a_rule_says_what_why_and_what_to_do(rule: Rule) -> None:
    assert re.fullmatch(r"HP\d{3}", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.name)
    assert rule.code[:3] in FAMILIES
    assert rule.severity in SEVERITIES
    for text in (rule.summary, rule.why, rule.fix):
        assert text == text.strip()
        assert text.endswith((".", ")"))
    assert silencing(rule).endswith(".")


NOT_VALID = ("HP001", "HP002")  # their examples are what such a file holds


@rules
def test_the_examples_are_valid(rule: Rule) -> None:
    for code in (rule.example, rule.better):
        if language(code) == "toml":
            tomllib.loads(code)
        elif language(code) == "python" and code and not (code == rule.example and rule.code in NOT_VALID):
            indented = "".join(f"    {line}\n" for line in code.split("\n"))
            ast.parse(f"async def example(self):\n{indented}    pass\n")


def test_rules_are_found_by_code_or_name_in_any_case() -> None:
    assert find_rule("hp302") == find_rule("Cycle") == RULES["HP302"]
    assert find_rule("HP3") is None


def test_the_quiet_ones_are_known_without_loading_all_rules() -> None:
    assert {code for code, rule in RULES.items() if rule.quiet} == QUIET


def test_every_code_in_the_source_is_that_of_a_rule() -> None:
    used = {
        (path.relative_to(ROOT).as_posix(), code)
        for path in (ROOT / "src").rglob("*.py")
        if "catalogue" not in path.parts
        for code in re.findall(r'"(HP\d{3})"', path.read_text())
    }
    assert {one for one in used if one[1] not in RULES} == set()


def test_every_finding_of_the_source_has_a_code() -> None:
    """Read from the source: a call of ``Finding`` names its code, or hands on what it was given."""
    without = []
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                names = {keyword.arg for keyword in node.keywords}
                if "code" not in names and None not in names:
                    without.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert without == []


def test_findings_are_as_severe_as_their_rule() -> None:
    """Read from the source, as rules are not loaded where findings are made: their texts would slow every start."""
    said = {pair for path in (ROOT / "src").rglob("*.py") for pair in severities(ast.parse(path.read_text()))}
    otherwise = {(code, severity) for code, severity in said if RULES[code].severity != severity}
    assert len(said) > 25
    assert otherwise == {
        ("HP204", "error"),  # of a class whose worker would certainly not find it marked
        ("HP703", "warning"),  # of a module that is not known to make services
    }


def severities(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Codes and severities that stand in one call, or in a call of a function that gives all its findings one."""
    fixed: dict[str, str] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for call in calls_in(function):
                words = constants(call)
                if isinstance(call.func, ast.Name) and call.func.id == "Finding" and not words & set(RULES):
                    fixed.update((function.name, severity) for severity in words & SEVERITIES)
    for call in calls_in(tree):
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        words = constants(call)
        for severity in words & SEVERITIES or ({fixed[name]} if name in fixed else ()):
            yield from ((code, severity) for code in words & set(RULES))


def calls_in(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def constants(call: ast.Call) -> set[str]:
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str)}


def test_the_page_about_rules_is_current() -> None:
    """To make it so: ``python -m homeport.build.diagnostics.page > docs/diagnostics.md``."""
    assert (ROOT / "docs" / "diagnostics.md").read_text() == page()
