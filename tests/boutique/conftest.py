"""The boutique is imported the way a worker imports it: with ``examples/`` as the root."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
