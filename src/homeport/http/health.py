"""/healthz and /readyz: is this process alive, and can it be relied on?"""

from __future__ import annotations

from homeport.errors import HomeportError
from homeport.http.api import Readiness
from homeport.http.directory import Directory
from homeport.http.exchange import Exchange
from homeport.http.ports import FrontClient
from homeport.http.standing import Standing
from homeport.model import Completeness, ServiceState


class Health:
    """Answers probes. Who has not shown the token is told only yes or no."""

    def __init__(self, client: FrontClient, directory: Directory, standing: Standing) -> None:
        self._client, self._directory, self._standing = client, directory, standing
        self.draining = False

    async def healthz(self, exchange: Exchange) -> None:
        await exchange.answer_value({"status": "alive"})

    async def readyz(self, exchange: Exchange, *, trusted: bool) -> None:
        problems = readiness_problems(self._directory, self._standing.reachable, self._standing.silence, self.draining)
        waiting = await self._waiting() if trusted and self._standing.reachable else {}
        answer = Readiness(
            ready=not problems,
            problems=tuple(problems) if trusted else (),
            waiting=waiting,
            revision=self._directory.revision,
        )
        retry = [(b"retry-after", b"1")] if problems else []
        await exchange.answer_value(answer, status=503 if problems else 200, headers=retry)

    async def _waiting(self) -> dict[str, str]:
        try:
            summaries = await self._client.registry.services()
        except HomeportError:
            return {}
        waiting = {}
        for summary in summaries:
            if summary.state in (ServiceState.ACTIVE, ServiceState.IDLE):
                continue
            wanted = "" if summary.wanted is None else f" of {summary.wanted}"
            reason = f"{summary.state}: {summary.ready}{wanted} ready"
            if summary.waiting_for:
                reason += f", waiting for {', '.join(summary.waiting_for)}"
            waiting[summary.name] = reason
        return waiting


def readiness_problems(directory: Directory, reachable: bool, silence: float, draining: bool) -> list[str]:
    """Why the front is not to be relied on, one sentence each; empty when it is."""
    problems = []
    if draining:
        problems.append("the front is stopping")
    if not reachable:
        problems.append(f"the registry has not answered for {silence:.1f} s")
    elif not directory.following:
        lost = "is broken off and being taken up again" if directory.revision else "has not begun"
        problems.append(f"the watch of the registry {lost}")
    if directory.completeness is not Completeness.COMPLETE:
        what = {
            Completeness.PARTIAL: "the registry is still recovering what it knew",
            Completeness.SUSPECT: "too many instances vanished at once; the registry is making sure",
        }[directory.completeness]
        problems.append(what)
    return problems
