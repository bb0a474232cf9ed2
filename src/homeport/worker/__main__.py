"""``python -m homeport.worker SPEC.json``."""

import sys

from homeport.worker.main import main

sys.exit(main())
