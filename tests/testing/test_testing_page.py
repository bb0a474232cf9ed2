"""docs/testing.md shows code that runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.test_readme import blocks

pytest_plugins = ["pytester"]
PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_page_s_tests_pass_as_they_stand(pytester: pytest.Pytester) -> None:
    names = [re.findall(r"`(\w+)\.py`", before)[-1] for before, _ in blocks(PAGE, "python")]
    assert names == ["shop", "test_orders", "test_fakes", "test_bare", "test_clock"]
    pytester.makepyfile(**dict(zip(names, (block for _, block in blocks(PAGE, "python")), strict=True)))
    options = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)
    result.assert_outcomes(passed=9)
