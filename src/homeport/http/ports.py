"""What the front needs of the client it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from homeport.registry.api import RegistryApi


class FrontClient(Protocol):
    """The part of ``homeport.client.Client`` that the front uses; a fake satisfies it without inheriting.

    Deadline, trace and metadata of a call are those of ``homeport.rpc.context``, as everywhere.
    """

    @property
    def registry(self) -> RegistryApi: ...

    async def call_json(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> bytes:
        """The result as JSON; ``body`` is passed through as the JSON that it is."""

    def stream_json(
        self,
        service: str,
        method: str,
        body: bytes,
        *,
        timeout: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> AsyncIterator[bytes]:
        """One JSON text per item; closing the iterator cancels the method."""


class Loan(Protocol):
    """An instance that was chosen for one request."""

    @property
    def endpoint(self) -> str:
        """Where it answers HTTP."""

    def answered(self, failed: bool) -> None:
        """The head of its answer is there: the balancer learns how long it took, and whether it failed."""


class HttpBalancer(Protocol):
    """Chooses instances that answer HTTP."""

    def lend(self, service: str, tried: set[str]) -> AbstractAsyncContextManager[Loan]:
        """Choose one for the length of the block, rather none of the endpoints in ``tried``.

        Raises:
            UnknownService, NoEndpoint: there is nothing to choose from.
        """
