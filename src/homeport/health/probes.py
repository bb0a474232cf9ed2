"""Looks at instances in whatever way their checks ask for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from homeport.health.allowed import Allowed
from homeport.health.checks import Failed, Result
from homeport.health.probe_command import probe_command
from homeport.health.probe_grpc import probe_grpc
from homeport.health.probe_http import HttpProbe
from homeport.health.probe_tcp import probe_tcp
from homeport.health.targets import CommandTarget, GrpcTarget, HttpTarget, Target, TcpTarget, TtlTarget, shown


class Probes:
    """Carries out single looks; who may be looked at and what may be run is settled when it is made."""

    def __init__(self, allowed: Allowed, programs: Collection[str], http: HttpProbe) -> None:
        self._allowed, self._programs, self._http = allowed, frozenset(programs), http

    @classmethod
    @asynccontextmanager
    async def open(cls, allowed: Allowed | None = None, programs: Collection[str] = ()) -> AsyncIterator[Probes]:
        """``programs``: the paths that command checks may run; none by default."""
        allowed = allowed or Allowed()
        async with HttpProbe(allowed) as http:
            yield cls(allowed, programs, http)

    async def look(self, target: Target, timeout: float) -> Result:
        """What is seen within ``timeout`` seconds; no answer by then is a failure."""
        try:
            async with asyncio.timeout(timeout):
                return await self._look(target, timeout)
        except TimeoutError:
            return Failed(f"{shown(target)} did not answer within {timeout:g} s")

    async def _look(self, target: Target, timeout: float) -> Result:
        match target:
            case HttpTarget():
                return await self._http(target)
            case TcpTarget():
                return await probe_tcp(target, self._allowed)
            case GrpcTarget():
                return await probe_grpc(target, self._allowed, timeout)
            case CommandTarget():
                return await probe_command(target, self._programs)
            case TtlTarget():
                raise TypeError("a ttl check looks at nothing; the program speaks")
