"""What ``homeport`` exports."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import homeport
from homeport._lazy import installed_version


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


def test_the_version_is_that_of_the_distribution_wherever_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert installed_version("homeport") == version("homeport")
    (tmp_path / "homeport-9.8.7rc1.dist-info").mkdir()
    (tmp_path / "homeport_other-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", ["", str(tmp_path / "absent"), __file__, str(tmp_path), *sys.path])
    assert installed_version("homeport") == "9.8.7rc1"
    with pytest.raises(PackageNotFoundError):
        installed_version("never_heard_of")
