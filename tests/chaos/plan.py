"""What is done to a running shop, and when: the same seed always does the same."""

from __future__ import annotations

import random
from collections.abc import Container, Iterator, Mapping, Sequence

import msgspec

KILL, PAUSE = "kill", "pause"
ORPHAN = "kill node, then"  # and a worker, while nobody is there to replace it
ROLL = "kill node over the restart of"  # a service, by a rollout that the next node has to finish
WORKER, FRONT, NODE = "worker", "front", "node"
KILLS = tuple((KILL, of) for of in (WORKER, FRONT, NODE))
KINDS = (*KILLS, *((PAUSE, of) for of in (WORKER, FRONT, NODE)))
DOUBLE = ((ORPHAN, WORKER), (ROLL, WORKER))
CALM = (0.3, 1.5)  # seconds between everything being well again and the next blow
PAUSED = (4.0, 6.0)  # seconds; longer than a lease, shorter than what is taken for stuck
AWAY = (0.0, 2.0)  # seconds that a killed node is left dead


class Blow(msgspec.Struct, frozen=True):
    """One process killed with -9, or stopped for a while."""

    calm: float  # seconds that all must have been well before it
    action: str
    of: str  # worker, front, node
    target: str  # name of the process
    seconds: float  # that it is stopped, that a killed node is left dead, or that a rollout goes before the node dies

    @property
    def service(self) -> str:
        """That the targeted worker hosts."""
        return self.target.rpartition("-")[0]

    @property
    def takes_node(self) -> bool:
        """Whether the node process dies of it."""
        return self.action in (ORPHAN, ROLL) or (self.action == KILL and self.of == NODE)

    def may_end(self, name: str) -> bool:
        """Whether the process of this name may end over it."""
        replaced = self.action == ROLL and name.rpartition("-")[0] == self.service
        return name == self.target or replaced or (name == NODE and self.takes_node)

    def replaced(self, pids: Mapping[str, int], before: Container[int]) -> bool:
        """Whether another process than ``before`` has taken the place of what was killed, under whatever name."""
        hosting = self.service or self.target  # front and node are named alike
        alike = [pid for name, pid in pids.items() if (name.rpartition("-")[0] or name) == hosting]
        return any(pid not in before for pid in alike)

    def __str__(self) -> str:
        what = f"{self.action} {self.of}" + (f" {self.target}" if self.of == WORKER else "")
        return f"after {self.calm:.2f} s of calm {what}" + (f" for {self.seconds:.1f} s" if self.seconds else "")


def blows(seed: int, workers: Sequence[str], kinds: Sequence[tuple[str, str]] = KINDS) -> Iterator[Blow]:
    """Without end: every kind once in each round, in an order of the seed's."""
    rng = random.Random(f"homeport chaos {seed}")
    workers = sorted(workers)
    while True:
        for action, of in rng.sample(kinds, len(kinds)):
            target = rng.choice(workers) if of == WORKER else of
            lasts = PAUSED if action == PAUSE else AWAY if of == NODE or (action, of) in DOUBLE else (0.0, 0.0)
            seconds = rng.uniform(*lasts)
            yield Blow(rng.uniform(*CALM), action, of, target, seconds)
