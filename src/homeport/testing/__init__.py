"""For the tests of services: a node in one process without sockets, and a clock that is moved by hand."""

from homeport.testing.clock import FakeClock
from homeport.testing.local import LocalNode, local

__all__ = ["FakeClock", "LocalNode", "local"]
