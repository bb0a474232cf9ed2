"""Discovery: from names of dependencies to where they are."""

from __future__ import annotations

from homeport.discovery.resolve import resolve
from homeport.model import Dependency, Instance, State
from homeport.registry.api import ServiceAnswer


class Existing:
    """Three services: one ready, one that only waits, one idle."""

    def answer(self, service: str) -> ServiceAnswer:
        states = {"ledger": State.READY, "mail": State.WAITING}
        found = tuple(
            Instance(id=f"{name}-1", service=name, endpoints=("unix:/x",), state=state)
            for name, state in states.items()
            if name == service
        )
        return ServiceAnswer(service=service, revision=7, instances=found, known=service in (*states, "reports"))

    def idle(self, service: str) -> bool:
        return service == "reports"

    def near(self, name: str) -> tuple[str, ...]:
        return ("ledger",) if name == "ledgers" else ()


def names(*services: str, optional: bool = False) -> list[Dependency]:
    return [Dependency(service=service, optional=optional) for service in services]


def test_every_dependency_is_answered_once_in_order_of_name() -> None:
    resolution = resolve(names("mail", "ledger", "mail"), Existing())
    assert [answer.service for answer in resolution.answers] == ["ledger", "mail"]
    assert resolution.answers[0].instances[0].endpoints == ("unix:/x",)


def test_a_service_without_a_ready_instance_is_missing_unless_it_is_idle() -> None:
    assert resolve(names("mail", "ledger", "reports"), Existing()).missing == ("mail",)


def test_an_optional_dependency_is_answered_and_never_missing() -> None:
    resolution = resolve(names("mail", optional=True), Existing())
    assert (len(resolution.answers), resolution.missing) == (1, ())


def test_what_one_instance_requires_and_another_does_not_is_required() -> None:
    assert resolve([*names("mail", optional=True), *names("mail")], Existing()).missing == ("mail",)


def test_a_name_that_nobody_knows_comes_back_with_near_names() -> None:
    resolution = resolve(names("ledgers"), Existing())
    assert resolution.near == {"ledgers": ("ledger",)}
    assert resolution.missing == ("ledgers",)
