"""What ``homeport`` exports."""

from __future__ import annotations

import pytest

import homeport


@pytest.mark.parametrize("name", homeport.__all__)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(homeport, name)
    assert value.__name__ == name


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'homeport' has no attribute 'nothing'"):
        homeport.nothing  # type: ignore[attr-defined]


def test_all_public_names_are_listed() -> None:
    assert set(homeport.__all__) <= set(dir(homeport))
    assert homeport.__version__.count(".") == 2
