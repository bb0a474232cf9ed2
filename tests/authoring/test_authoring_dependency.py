"""``dependency(...)``: what stands in for a handle until there is one."""

from __future__ import annotations

from typing import Any

import pytest

from homeport import dependency
from homeport.authoring.dependency import DependencyMarker
from homeport.errors import DefinitionError


class Checkout:
    payments: Any = dependency("till", optional=True, timeout="2s")


def test_the_class_keeps_what_was_declared() -> None:
    marker = Checkout.__dict__["payments"]
    assert isinstance(marker, DependencyMarker)
    assert (marker.service, marker.optional, marker.timeout) == ("till", True, 2.0)
    assert Checkout.payments is marker


def test_an_instance_without_a_handle_says_how_to_give_it_one() -> None:
    with pytest.raises(
        AttributeError, match=r"Checkout.payments stands for the service 'till', and nobody has provided"
    ):
        Checkout().payments


def test_a_handle_or_a_fake_set_on_the_instance_hides_the_marker() -> None:
    checkout = Checkout()
    checkout.payments = fake = object()
    assert checkout.payments is fake


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"service": "My-Till"}, "is no service name"),
        ({"optional": 1}, r"optional=…\) must be True or False"),
        ({"timeout": "never"}, r"dependency\(timeout=…\): 'never' is no duration"),
    ],
)
def test_a_wrong_option_is_refused_where_it_stands(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"{__file__}:\d+: .*{message}"):
        dependency(**arguments)
