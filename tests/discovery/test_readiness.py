"""Readiness: who may start, and who waits for whom."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from homeport.discovery.readiness import Readiness, Start, WaitsFor, cycles
from homeport.model import Dependency, Instance, State


class World:
    """The services a call could reach."""

    def __init__(self, *available: str) -> None:
        self.names = set(available)

    def available(self, service: str) -> bool:
        return service in self.names


def waiting(name: str, *requires: str, optional: tuple[str, ...] = (), waits: tuple[str, ...] = ()) -> Instance:
    return Instance(
        id=f"{name}-1",
        service=name,
        endpoints=(),
        state=State.WAITING,
        requires=(
            *(Dependency(service=one) for one in requires),
            *(Dependency(service=one, optional=True) for one in optional),
        ),
        waiting_for=waits,
    )


def test_an_instance_without_dependencies_starts_at_once_and_once() -> None:
    readiness = Readiness()
    assert readiness.settle([waiting("a")], World()) == [Start("a-1")]
    assert readiness.settle([waiting("a")], World()) == []


def test_it_waits_for_each_required_service_by_name() -> None:
    readiness = Readiness()
    assert readiness.settle([waiting("a", "b", "c", "d")], World("c")) == [WaitsFor("a-1", ("b", "d"))]
    assert readiness.settle([waiting("a", "b", "c", "d", waits=("b", "d"))], World("c")) == []
    assert readiness.settle([waiting("a", "b", "c", "d", waits=("b", "d"))], World("b", "c", "d")) == [
        Start("a-1"),
        WaitsFor("a-1", ()),
    ]


def test_nobody_waits_for_an_optional_dependency() -> None:
    assert Readiness().settle([waiting("a", optional=("b",))], World()) == [Start("a-1")]


def test_members_of_a_cycle_do_not_wait_for_each_other_but_for_others() -> None:
    readiness = Readiness()
    readiness.depend("a", ["b", "x"])
    readiness.depend("b", ["c"])
    readiness.depend("c", ["a"])
    instances = [waiting("a", "b", "x"), waiting("b", "c"), waiting("c", "a")]
    assert readiness.settle(instances, World()) == [WaitsFor("a-1", ("x",)), Start("b-1"), Start("c-1")]


def test_a_cycle_that_is_broken_up_is_waited_for_again() -> None:
    readiness = Readiness()
    readiness.depend("a", ["b"])
    readiness.depend("b", ["a"])
    readiness.settle([], World())
    readiness.depend("b", [])
    assert readiness.settle([waiting("a", "b")], World()) == [WaitsFor("a-1", ("b",))]


def test_a_dependency_lost_later_does_not_hold_back_what_has_started() -> None:
    readiness, world = Readiness(), World("b")
    assert readiness.settle([waiting("a", "b")], world) == [Start("a-1")]
    world.names.clear()
    assert readiness.settle([waiting("a", "b")], world) == []


def test_an_instance_that_begins_anew_is_started_anew() -> None:
    readiness = Readiness()
    readiness.settle([waiting("a")], World())
    readiness.forget("a-1")
    assert readiness.settle([waiting("a")], World()) == [Start("a-1")]


def test_a_chain_of_thousands_does_not_exhaust_the_stack() -> None:
    graph = {f"s{number}": [f"s{number + 1}"] for number in range(5000)}
    assert len(set(cycles(graph).values())) == 5001


GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.sets(st.sampled_from("abcdef"), max_size=3))


@given(GRAPHS)
def test_two_services_are_on_one_cycle_exactly_when_each_reaches_the_other(graph: dict[str, set[str]]) -> None:
    def reach(start: str) -> set[str]:
        found, todo = set[str](), [start]
        while todo:
            for need in graph.get(todo.pop(), ()):
                if need not in found:
                    found.add(need)
                    todo.append(need)
        return found

    numbers = cycles(graph)
    for one in numbers:
        for other in numbers:
            mutual = one == other or (other in reach(one) and one in reach(other))
            assert (numbers[one] == numbers[other]) == mutual


class StartupMachine(RuleBasedStateMachine):
    """Whatever the graph and the order, each instance is started once, never too early, and all are in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.readiness = Readiness()
        self.graph: dict[str, set[str]] = {}
        self.ready: set[str] = set()
        self.started: set[str] = set()
        self.waits: dict[str, tuple[str, ...]] = {}

    @rule(service=st.sampled_from("abcde"), needs=st.sets(st.sampled_from("abcde"), max_size=2))
    def register(self, service: str, needs: set[str]) -> None:
        if service not in self.graph:
            self.graph[service] = needs
            self.readiness.depend(service, needs)

    @rule()
    def settle(self) -> None:
        pending = [
            waiting(name, *sorted(needs), waits=self.waits.get(name, ()))
            for name, needs in self.graph.items()
            if name not in self.ready
        ]
        numbers = cycles(self.graph)
        for effect in self.readiness.settle(pending, World(*self.ready)):
            name = effect.instance.removesuffix("-1")
            if isinstance(effect, WaitsFor):
                self.waits[name] = effect.services
                continue
            assert name not in self.started
            self.started.add(name)
            apart = {need for need in self.graph[name] if numbers.get(need) != numbers[name]}
            assert apart <= self.ready

    @rule(service=st.sampled_from("abcde"))
    def become_ready(self, service: str) -> None:
        if service in self.started:
            self.ready.add(service)

    def teardown(self) -> None:
        for service in "abcde":
            self.register(service, set())
        for _ in range(6):
            self.settle()
            self.ready |= self.started
        assert self.ready == set("abcde")
        assert not any(self.waits.values())


TestStartupMachine = StartupMachine.TestCase
TestStartupMachine.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
