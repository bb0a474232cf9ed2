"""Durations as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.durations import parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (2, 2.0),
        (0.5, 0.5),
        ("2", 2.0),
        ("1e3", 1000.0),
        ("250ms", 0.25),
        ("10us", 1e-5),
        ("30s", 30.0),
        ("5m", 300.0),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
        ("1h30m", 5400.0),
        (" 1 h 30 m ", 5400.0),
        (0, 0.0),
    ],
)
def test_seconds_and_units_are_read(written: float | str, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "s", "5 minutes", "5x", "1h30", "-1", "-5m", "nan", "inf", True, None, [1]])
def test_anything_else_is_refused_with_the_forms_there_are(written: object) -> None:
    with pytest.raises(ValueError, match=r"no duration.*250ms, 30s, 5m"):
        parse_duration(written)  # type: ignore[arg-type]


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "m", "h", "d"]))
def test_a_unit_is_a_constant_factor(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == pytest.approx(number * parse_duration(f"1{unit}"))
