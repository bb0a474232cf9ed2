"""Deletes one safety line after the other; some seed must fail: ``python -m tests.simulation.mutate [NAME…]``.

Each line is taken out of a copy of the package, and the scenarios that should miss it run on the copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "homeport"
PATIENCE = 240  # seconds that one mutation may take


class Line(NamedTuple):
    """A line (or the part of one) that keeps a promise, and what is left when it is gone."""

    name: str
    file: str
    text: str
    scenarios: str  # that should miss it, with commas
    instead: str = "pass"
    seeds: int = 12


LINES = (
    # the watch
    Line("cursor check", "registry/watch.py", "if revision < self._base or any(", "amnesia", "if any("),
    Line("record a change", "registry/ledger.py", "self._index.record(told)", "weather"),
    Line("wake the watchers", "registry/ledger.py", "self.watchers.wake(services)", "weather"),
    Line("snapshot once complete", "registry/ledger.py", "self.watchers.wake_unsure()", "amnesia"),
    Line("say who is certainly gone", "registry/watchers.py", "changes=gone,", "known_to_be_gone", "changes=(),"),
    Line(
        "keep what a partial answer lacks",
        "discovery/view.py",
        "fresh = {**view.instances, **fresh}",
        "forgotten_though_alive",
    ),
    Line(
        "resume from the view's revision",
        "rpc/standing.py",
        "from_revision=self.view.revision, store",
        "weather",
        "from_revision=1, store",
    ),
    # the revision
    Line(
        "resync on a higher revision",
        "registry/server.py",
        "await self._respect(request.store, request.from_revision)",
        "old_backup",
    ),
    Line(
        "high-water jump",
        "registry/store/recovery.py",
        "revision = max(past.revision, mark.reserved if mark else past.revision + BLOCK)",
        "amnesia",
        "revision = past.revision",
    ),
    # drain
    Line(
        "tell callers of a drain",
        "worker/main.py",
        "await self._standing.registry.drain(self._standing.session, member.hosted.id, cause)",
        "rolling_with_slow_callers",
        "raise HomeportError",
    ),
    Line(
        "drain wait",
        "worker/main.py",
        "if not await member.hosted.admission.drained(self._spec.drain_timeout):",
        "rolling,rolling_slow_calls",
        "if False:",
    ),
    Line(
        "acknowledge",
        "rpc/standing.py",
        "await self.registry.acknowledge(self._watcher, item.revision)",
        "rolling_is_prompt",
    ),
    Line(
        "wait for acknowledgements",
        "registry/watchers.py",
        "await stirred.wait()",
        "rolling_with_slow_callers",
        "break",
    ),
    Line(
        "refuse when draining",
        "rpc/serving.py",
        "self.close()\n        if not self.in_flight:",
        "rolling_past_the_deaf",
        "if not self.in_flight:",
    ),
    # calls
    Line(
        "sweep the caller's deadlines", "rpc/client.py", "self._sweep.add(reply, deadline)", "lost_connections,weather"
    ),
    Line(
        "ask under the call's deadline",
        "rpc/caller.py",
        "async with asyncio.timeout_at(deadline):\n                    await self._need",
        "first_calls",
        "if True:\n                    await self._need",
    ),
    Line("sweep the handler's deadlines", "rpc/server_link.py", "self._sweep.add(context, deadline)", "cancelled_work"),
    Line("cancel what nobody waits for", "rpc/server_link.py", "running.cancel()", "cancelled_work", seeds=10),
    Line(
        "no second run unless idempotent",
        "balancing/retries.py",
        "if outcome in (Outcome.UNANSWERED, Outcome.FAILED) and not attempted.idempotent:",
        "weather",
        "if False:",
    ),
    Line(
        "retry what never started",
        "balancing/retries.py",
        "return Retry(after)",
        "node_restarts,stale_addresses,lost_connections",
        'return GiveUp("")',
    ),
    Line(
        "never probe with a retry",
        "rpc/remote.py",
        "if not tried and now >= route.ejector.due:",
        "many_dead",
        "if now >= route.ejector.due:",
    ),
    Line(
        "leave alone what is leaving",
        "rpc/routes.py",
        "self.heed(ejector.leaves(peer, now) if probe is None else ejector.probe_ended(probe, False, now))",
        "stale_addresses",
        "self.heed(ejector.probe_ended(probe, None, now) if probe is not None else ())",
    ),
    Line(
        "end calls with their connection",
        "rpc/client.py",
        "pending, self._pending = self._pending, {}",
        "killed_under_load",
        "pending: dict = {}",
    ),
    # leases
    Line("the judge was asleep", "health/detector.py", "self._slept += late", "sick_detector"),
    Line(
        "a live process is not gone",
        "registry/leases.py",
        "if not self._is_alive(record):\n            await self._end(record, self._ledger.cause(LEASE_EXPIRED",
        "silent_worker,weather",
        "if True:\n            await self._end(record, self._ledger.cause(LEASE_EXPIRED",
    ),
    Line("beat", "worker/heartbeat.py", "reply = link.call(_BEAT, beat)", "sick_detector", 'reply = {"known": True}'),
    Line(
        "give time after a restart",
        "registry/leases.py",
        "self._detector.open(record.id, record.ttl, self._clock.now(), grace=record.ttl)",
        "known_to_be_gone",
    ),
    Line(
        "say how far one had come",
        "worker/main.py",
        "if member.hosted.state in further",
        "node_restarts,weather",
        "if False",
    ),
    # the store
    Line(
        "answer after the sync",
        "registry/store/embedded.py",
        "return await answered",
        "declarations",
        "on_disk(None); return await answered",
    ),
    Line("tell after the sync", "registry/store/journal.py", "self._commit(kept)", "declarations,node_restarts"),
    Line(
        "fail what the disk refused",
        "registry/store/journal.py",
        "self._answer(order, StoreFailure(self._gap))",
        "declarations",
        "self._answer(order, None)",
    ),
    Line(
        "catch up after a full disk", "registry/store/journal.py", "self._loop_call(self._tell_behind)", "declarations"
    ),
    Line("sync the mark", "registry/store/mark.py", "os.fsync(file.fileno())", "declarations,weather,node_restarts"),
)


def mutated(line: Line, folder: Path) -> None:
    """A copy of the package without the line.

    Raises:
        LookupError: the line is not there, or not alone: the list must follow the source.
    """
    shutil.copytree(PACKAGE, folder / "homeport", ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / "homeport" / line.file
    source = path.read_text()
    if line.text not in source:
        raise LookupError(f"{line.name}: {line.file} has no {line.text!r} any more; find where the promise is kept now")
    path.write_text(source.replace(line.text, line.instead))


def misses(line: Line) -> str:
    """The scenario and seed that fail without the line; "" when none does."""
    with tempfile.TemporaryDirectory(prefix="homeport-mutated-") as folder:
        mutated(line, Path(folder))
        paths = os.pathsep.join([folder, str(ROOT)])
        command = [sys.executable, "-m", "tests.simulation.seeds", line.scenarios, "0", str(line.seeds)]
        environ = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            ran = subprocess.run(
                command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            return f"nothing ends any more within {PATIENCE} s"
        return "" if ran.returncode == 0 else (ran.stdout or ran.stderr).strip().splitlines()[-1][:200]


def main() -> int:
    wanted = sys.argv[1:]
    missed = 0
    for line in LINES:
        if wanted and line.name not in wanted:
            continue
        found = misses(line)
        missed += not found
        print(f"{'caught ' if found else 'MISSED '} {line.name:<34} {found}", flush=True)
    print(f"{missed} lines could be deleted without a seed that fails" if missed else "no line could be deleted")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
