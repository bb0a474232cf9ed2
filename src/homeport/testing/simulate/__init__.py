"""A whole cluster in one process and in no time: the real code on simulated machines, replayed from a seed."""

from homeport.testing.simulate.cluster import Cluster
from homeport.testing.simulate.running import Failed, Outcome, explore, simulate
from homeport.testing.simulate.storm import storm

__all__ = ["Cluster", "Failed", "Outcome", "explore", "simulate", "storm"]
