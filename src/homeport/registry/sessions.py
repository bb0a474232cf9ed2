"""What causes and errors say of leases; who has lost one is for ``health/detector.py`` to decide."""

from __future__ import annotations

from homeport.errors import Unavailable

LEASE_EXPIRED, SUSPECT = "lease expired", "suspect"


class UnknownSession(Unavailable):
    """The registry has no such session (any more); open it and register again."""

    never_started = True
