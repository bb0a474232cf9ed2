"""POST /api/v1/call/{service}/{method}: JSON in, JSON out, the body untouched on its way to the worker."""

from __future__ import annotations

import msgspec

from homeport.contracts.api import Contract
from homeport.durations import parse_duration
from homeport.errors import BadArguments, NotAllowed, Unavailable, UnknownMethod, UnknownService
from homeport.http.directory import Directory
from homeport.http.examples import curl_example
from homeport.http.exchange import Exchange
from homeport.http.ports import FrontClient
from homeport.http.problems import HttpError, problem_of, refuse
from homeport.http.streams import answer_stream, framing_for
from homeport.rpc.context import CURRENT, CallContext

PREFIX = "/api/v1/call/"
_NO_ARGUMENTS = b"[]"


class Gateway:
    """Calls what the path names. ``allow_metadata`` lists the headers that travel on with the call."""

    def __init__(
        self,
        client: FrontClient,
        directory: Directory,
        *,
        allow_metadata: tuple[str, ...] = (),
        public_only: bool = False,
    ) -> None:
        self._client = client
        self._directory = directory
        self._metadata_headers = tuple((name.lower().encode(), name.lower()) for name in allow_metadata)
        self._public_only = public_only

    async def answer(self, exchange: Exchange) -> None:
        """Answer a request whose path begins with ``PREFIX``."""
        service, _, method = exchange.path.removeprefix(PREFIX).partition("/")
        if not service or not method or "/" in method:
            raise refuse(404, "not_found", f"{exchange.path} names no method", next=f"POST {PREFIX}SERVICE/METHOD")
        if exchange.method != "POST":
            detail = f"a method is called with POST, not {exchange.method}"
            raise refuse(405, "method_not_allowed", detail, headers=((b"allow", b"POST"),))
        exchange.service = service
        exchange.require_json()
        timeout = _timeout_of(exchange)
        body = await exchange.body() or _NO_ARGUMENTS
        contract = self._directory.contract(service) or await self._ask(service)
        if self._public_only:
            self._require_public(contract, service, method)
        trace = exchange.trace
        CURRENT.set(CallContext(trace=trace.trace, span=trace.span, metadata=self._metadata(exchange)))
        declared = contract.method(method) if contract is not None else None
        try:
            if declared is not None and declared.streams:
                items = self._client.stream_json(service, method, body, timeout=timeout)
                await answer_stream(exchange, items, framing_for(exchange.headers.get(b"accept", b"")))
                return
            async with exchange.while_connected():
                result = await self._client.call_json(service, method, body, timeout=timeout)
        except BadArguments as error:
            raise _corrected(error, exchange, contract, method) from error
        except UnknownService as error:
            raise UnknownService(error.service, error.known or self._directory.names()) from error
        await exchange.answer(result)

    def _metadata(self, exchange: Exchange) -> dict[str, str]:
        headers = exchange.headers
        return {name: headers[raw].decode("latin-1") for raw, name in self._metadata_headers if raw in headers}

    async def _ask(self, service: str) -> Contract | None:
        """Look a service up that the watch has not told of yet: it may be seconds old."""
        try:
            answers = await self._client.registry.resolve([service])
        except Unavailable:
            return None  # the call itself will tell what is wrong
        for answer in answers:
            for contract in answer.contracts:
                self._directory.learn(contract)
        return self._directory.contract(service)

    def _require_public(self, contract: Contract | None, service: str, method: str) -> None:
        if contract is None:
            raise UnknownService(service, self._public_names())
        declared = contract.method(method)
        if declared is None:
            raise UnknownMethod(service, method, [m.name for m in contract.methods if contract.public or m.public])
        if not (contract.public or declared.public):
            raise NotAllowed(f"{service}.{method} is not public; mark it @method(public=True) to call it from outside")

    def _public_names(self) -> list[str]:
        contracts = self._directory.contracts()
        return [one.service for one in contracts if one.public or any(method.public for method in one.methods)]


def _timeout_of(exchange: Exchange) -> float | None:
    given = exchange.headers.get(b"homeport-timeout")
    if given is None:
        return None
    try:
        seconds = parse_duration(given.decode("latin-1").strip())
    except ValueError as error:
        raise refuse(400, "bad_timeout", f"the header Homeport-Timeout cannot be read: {error}") from None
    if seconds <= 0:
        raise refuse(400, "bad_timeout", "the header Homeport-Timeout must be more than 0 seconds")
    return seconds


def _corrected(error: BadArguments, exchange: Exchange, contract: Contract | None, name: str) -> HttpError:
    """The same refusal, with the command that would have fitted."""
    declared = contract.method(name) if contract is not None else None
    problem = problem_of(error)
    if contract is not None and declared is not None:
        problem = msgspec.structs.replace(problem, next=f"try: {curl_example(exchange.url, contract, declared)}")
    return HttpError(problem)
