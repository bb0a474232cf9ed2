"""What the files for other people's process managers have to know of an application."""

from __future__ import annotations

import math
import re

import msgspec

from homeport.build.packager.deployment.libraries import Libraries
from homeport.build.packager.deployment.origin import Origin

_PATIENCE = 5.0  # seconds beyond drain_timeout before a node kills what drains


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An application as it is deployed."""

    name: str  # of the artefact, and of what manages it
    target: str = "."  # from the project's folder
    python: str  # "3.11"
    homeport: Origin  # of the Homeport that builds it
    port: int = 7070
    tls: bool = False
    token: bool = False  # the settings that go into the artefact hold one
    drain_timeout: float = 10.0  # seconds
    stages: int = 1  # in which services are stopped: callers before those they call
    libraries: Libraries = Libraries()

    @property
    def label(self) -> str:
        """The name in the characters that every manager takes for an image, a service or a user."""
        return re.sub(r"[^a-z0-9-]+", "-", self.name.lower()).strip("-") or "app"

    @property
    def stop_seconds(self) -> int:
        """How long an orderly end may take at most: the front drains, then one stage of services after another."""
        return math.ceil((1 + self.stages) * (self.drain_timeout + _PATIENCE))

    @property
    def health_check(self) -> list[str]:
        """A command without a shell; images have a Python, and few other programs."""
        if self.tls:
            # The certificate is for the name that others use, and this asks from within.
            insecure = "import ssl, urllib.request as r; c = ssl._create_unverified_context(); "
            ask = f"r.urlopen('https://127.0.0.1:{self.port}/readyz', timeout=4, context=c)"
            return ["python", "-c", insecure + ask]
        ask = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{self.port}/readyz', timeout=4)"
        return ["python", "-c", ask]
