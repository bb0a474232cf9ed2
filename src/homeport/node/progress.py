"""Tells how far a rollout is, in a line and in numbers."""

from __future__ import annotations

from collections.abc import Mapping

from homeport.node.api import RolloutStatus, ServiceProgress
from homeport.node.rollout import Rollout, Seen, Stage, Step, Watch

_BRIEF = {
    Stage.DONE: "done",
    Stage.RETURNED: "rolled back",
    Stage.RETURNING: "rolling back",
}


def status(rollout: Rollout, watch: Watch, seen: Mapping[str, Seen], now: float) -> RolloutStatus:
    """The rollout for people and programs."""
    return RolloutStatus(
        id=rollout.id,
        kind=rollout.kind,
        actor=rollout.actor,
        stage=rollout.stage.value,
        over=rollout.over,
        line=line(rollout, watch, seen, now),
        target=rollout.target,
        release=rollout.release,
        services=tuple(
            _progress(rollout, number, service, seen[service])
            for number, step in enumerate(rollout.steps)
            for service in step.services
        ),
        error=rollout.error,
        differences=rollout.differences,
        started=rollout.started,
        ended=rollout.ended,
    )


def line(rollout: Rollout, watch: Watch, seen: Mapping[str, Seen], now: float) -> str:
    """What it does now, in a few words."""
    step = rollout.step
    if rollout.stage in _BRIEF or step is None:
        return _BRIEF.get(rollout.stage, "") if rollout.steps else "nothing to change: this code runs already"
    if rollout.stage is Stage.HOLDING:
        return f"on trial with {rollout.pace.share:.0%} of the calls, until it is promoted or rolled back"
    wanted = {service: 1 if rollout.trial else seen[service].wanted for service in step.services}
    told = [f"{service} {seen[service].new_ready}/{wanted[service]} new ready" for service in step.services]
    return f"{', '.join(told)}, {_doing(rollout, step, watch, seen, now)}"


def _doing(rollout: Rollout, step: Step, watch: Watch, seen: Mapping[str, Seen], now: float) -> str:
    old = sum(seen[service].old for service in step.services)
    match rollout.stage:
        case Stage.SOAKING:
            return f"soaking {max(0.0, watch.since + rollout.pace.soak - now):.0f} s more"
        case Stage.DRAINING:
            return f"draining the old ({old} left)"
        case Stage.TAKING_OVER:
            return "the new one takes over"
        case _:
            return "the new one is to stand by" if step.singleton and old else "starting"


def _progress(rollout: Rollout, number: int, service: str, seen: Seen) -> ServiceProgress:
    stage = rollout.stage.value
    if rollout.stage not in (Stage.RETURNING, Stage.RETURNED, Stage.DONE, Stage.HOLDING):
        stage = "done" if number < rollout.passed else "pending" if number > rollout.passed else stage
    if rollout.trial and stage == "done":
        stage = Stage.HOLDING.value
    return ServiceProgress(service=service, stage=stage, wanted=seen.wanted, new_ready=seen.new_ready, old=seen.old)
