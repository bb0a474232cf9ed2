"""Workers that are alive and do not work: their stack is asked for, then they are replaced; never all at once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from homeport.health.dump import DUMP_SIGNAL, ask_for_dump
from homeport.health.stuck import DumpStack, Effect, Replace, StuckJudge, StuckLimits

LIMITS = StuckLimits()


def run(judge: StuckJudge, start: float, end: float) -> list[tuple[float, Effect]]:
    said: list[tuple[float, Effect]] = []
    for step in range(round((end - start) / LIMITS.period)):
        now = start + (step + 1) * LIMITS.period
        said += [(now, effect) for effect in judge.tick(now)]
    return said


def test_after_thirty_seconds_its_stack_is_dumped_and_a_second_later_it_is_replaced() -> None:
    judge = StuckJudge(0.0)
    judge.ailing("w", "its lease has run out", now=0.0)
    assert run(judge, 0, 29.5) == []
    assert run(judge, 29.5, 40) == [
        (30.0, DumpStack("w")),
        (31.0, Replace("w", "its lease has run out; for 31.0 s")),
    ]


def test_one_that_comes_to_again_is_left_alone_even_after_its_stack_was_dumped() -> None:
    judge = StuckJudge(0.0)
    judge.ailing("w", "its event loop is blocked", now=0.0)
    assert run(judge, 0, 30) == [(30.0, DumpStack("w"))]
    judge.well("w")
    assert run(judge, 30, 100) == []


def test_the_time_counts_from_the_first_sign() -> None:
    judge = StuckJudge(0.0)
    judge.ailing("w", "its event loop is blocked", now=0.0)
    run(judge, 0, 20)
    judge.ailing("w", "its lease has run out", now=20.0)
    assert run(judge, 20, 31)[-1] == (31.0, Replace("w", "its lease has run out; for 31.0 s"))


def test_a_node_that_was_itself_held_up_gives_everybody_the_time_back() -> None:
    judge = StuckJudge(0.0)
    judge.ailing("w", "its lease has run out", now=0.0)
    assert judge.tick(3600.0) == []
    assert run(judge, 3600, 3629) == []
    assert run(judge, 3629, 3631)[-1] == (3630.5, Replace("w", "its lease has run out; for 31.0 s"))


def test_one_that_falls_ill_just_after_the_node_was_held_up_gets_no_more_time_than_others() -> None:
    judge = StuckJudge(0.0)
    judge.ailing("w", "its lease has run out", now=3599.9)
    assert judge.tick(3600.0) == []
    assert len(run(judge, 3600, 3632)) == 2


def test_when_most_are_stuck_they_are_replaced_one_at_a_time_and_those_that_mend_are_spared() -> None:
    judge = StuckJudge(0.0)
    for number in range(10):
        judge.runs(f"w{number}")
    for number in range(8):
        judge.ailing(f"w{number}", "its lease has run out", now=0.0)
    said = run(judge, 0, 41)
    assert [(now, effect.worker) for now, effect in said if isinstance(effect, Replace)] == [
        (31.0, "w0"),
        (36.0, "w1"),
        (41.0, "w2"),
    ]
    for number in range(8):
        judge.well(f"w{number}")
    assert run(judge, 41, 100) == []


def test_a_few_that_are_stuck_go_together() -> None:
    judge = StuckJudge(0.0)
    for number in range(10):
        judge.runs(f"w{number}")
    for number in range(3):
        judge.ailing(f"w{number}", "its lease has run out", now=0.0)
    assert len([effect for now, effect in run(judge, 0, 31) if isinstance(effect, Replace)]) == 3


def test_one_that_is_gone_is_not_replaced_by_the_judge() -> None:
    judge = StuckJudge(0.0)
    judge.ailing("w", "its lease has run out", now=0.0)
    judge.gone("w")
    assert run(judge, 0, 60) == []


class StuckMachine(RuleBasedStateMachine):
    """Nobody who is well is replaced, nobody before the time, everybody in the end; each is asked for its stack."""

    NAMES = tuple(f"w{number}" for number in range(6))

    def __init__(self) -> None:
        super().__init__()
        self.judge, self.now, self.slept = StuckJudge(0.0), 0.0, 0.0
        self.since: dict[str, float] = {}
        self.dumped: set[str] = set()

    @rule(worker=st.sampled_from(NAMES))
    def falls_ill(self, worker: str) -> None:
        self.judge.ailing(worker, "stuck", self.now)
        self.since.setdefault(worker, self.now - self.slept)

    @rule(worker=st.sampled_from(NAMES))
    def mends(self, worker: str) -> None:
        self.judge.well(worker)
        self.since.pop(worker, None)
        self.dumped.discard(worker)

    @rule(worker=st.sampled_from(NAMES))
    def starts(self, worker: str) -> None:
        self.judge.runs(worker)

    @rule(ticks=st.integers(1, 40))
    def time_passes(self, ticks: int) -> None:
        for _ in range(ticks):
            self.now += LIMITS.period
            for effect in self.judge.tick(self.now):
                assert self.now - self.slept - self.since[effect.worker] >= LIMITS.stuck_after
                if isinstance(effect, DumpStack):
                    assert effect.worker not in self.dumped
                    self.dumped.add(effect.worker)
                else:
                    assert effect.worker in self.dumped
                    self.dumped.discard(effect.worker)
                    del self.since[effect.worker]

    @rule(seconds=st.floats(1.1, 500))
    def the_node_sleeps(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds - LIMITS.period
        assert self.judge.tick(self.now) == []

    @invariant()
    def nobody_is_stuck_for_ever(self) -> None:
        bound = LIMITS.stuck_after + len(self.NAMES) * LIMITS.spacing + LIMITS.dump_time + 2 * LIMITS.period
        assert all(self.now - self.slept - since <= bound for since in self.since.values())


TestStuckMachine = StuckMachine.TestCase
TestStuckMachine.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)

STUCK = """
import re, sys
from homeport.health.dump import offer_dump
assert offer_dump(open(sys.argv[1], "w"))
print("ready", flush=True)
def stuck_in_a_pattern():
    re.match(r"(a+)+$", "a" * 64 + "b")  # holds the interpreter, and never gives it back
stuck_in_a_pattern()
"""


@pytest.mark.skipif(DUMP_SIGNAL is None, reason="this system has no SIGQUIT")
def test_a_process_that_holds_its_interpreter_for_ever_still_says_where(tmp_path: Path) -> None:
    said = tmp_path / "stacks"
    process = subprocess.Popen([sys.executable, "-c", STUCK, str(said)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        deadline = time.monotonic() + 10
        while "stuck_in_a_pattern" not in said.read_text() and time.monotonic() < deadline:
            assert ask_for_dump(process.pid)
            time.sleep(0.02)
        assert "in stuck_in_a_pattern" in said.read_text()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert not ask_for_dump(process.pid)
