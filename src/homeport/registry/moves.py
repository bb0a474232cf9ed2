"""An instance in another state, with what changes along with it."""

from __future__ import annotations

import msgspec

from homeport.model import Cause, Instance, State


def moved(instance: Instance, state: State, cause: Cause, now: float) -> Instance:
    """``now`` is wall-clock seconds."""
    return msgspec.structs.replace(
        instance,
        state=state,
        cause=cause,
        since=instance.since if state is instance.state else now,
        waiting_for=instance.waiting_for if state is State.WAITING else (),
    )
