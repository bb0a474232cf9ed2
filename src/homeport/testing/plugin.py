"""pytest fixtures for the tests of services; installed with Homeport, works with pytest-asyncio and anyio alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from homeport.testing import FakeClock, LocalNode


class _Local:
    """Callable, so that importing this plugin costs every pytest run next to nothing."""

    def __call__(self, *services: type, config: dict[str, dict[str, Any]] | None = None, **fakes: Any) -> LocalNode:
        from homeport.testing import local

        return local(*services, config=config, **fakes)


@pytest.fixture
def homeport_local() -> _Local:
    """``async with homeport_local(PaymentService, payments=FakePayments()) as hp:`` runs services in this process."""
    return _Local()


@pytest.fixture
def homeport_clock() -> FakeClock:
    """A ``FakeClock``: ``now()``, ``wall()``, ``await sleep()``, moved with ``await advance(seconds)``."""
    from homeport.testing import FakeClock

    return FakeClock()
