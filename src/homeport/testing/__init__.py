"""For the tests of services: a node in one process without sockets, and a clock that is moved by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from homeport.testing.clock import FakeClock
    from homeport.testing.fakes import BadFake
    from homeport.testing.local import LocalNode, local

__all__ = ["BadFake", "FakeClock", "LocalNode", "local"]

if not TYPE_CHECKING:
    # pytest imports this package in every run, for the plugin in it.
    from homeport._lazy import load_lazily

    load_lazily(
        __name__,
        {
            "homeport.testing.clock": "FakeClock",
            "homeport.testing.fakes": "BadFake",
            "homeport.testing.local": "LocalNode local",
        },
    )
