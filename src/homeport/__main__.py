"""``python -m homeport`` is the command ``homeport``."""

from __future__ import annotations

import sys

from homeport.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
