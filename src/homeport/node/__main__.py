"""Runs a node process."""

from __future__ import annotations

import sys

from homeport.node.main import main

sys.exit(main(sys.argv[1:]))
