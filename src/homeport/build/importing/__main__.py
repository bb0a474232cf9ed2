"""``python -m homeport.build.importing REQUEST DESCRIPTOR``: imports an application, and tells what it has seen."""

import sys

from homeport.build.importing.child import main

sys.exit(main(sys.argv[1], int(sys.argv[2])))
