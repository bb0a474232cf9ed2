"""Measures Homeport beside its peers: ``python -m benchmarks``, or one of them by name."""
