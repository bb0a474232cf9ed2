"""The scan of an application says what importing it shows, in whatever way it is written."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.build.differential import disagreements
from tests.build.made_applications import applications

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@settings(UNHURRIED, max_examples=40)
@given(applications())
def test_the_scan_finds_what_an_import_finds(files: dict[str, str]) -> None:
    assert disagreements(files) == []


@pytest.mark.long
@pytest.mark.timeout(1200)
@settings(UNHURRIED, max_examples=3000)
@given(applications())
def test_the_scan_of_many_applications_finds_what_an_import_finds(files: dict[str, str]) -> None:
    assert disagreements(files) == []
