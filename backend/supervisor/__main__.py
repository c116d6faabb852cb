"""`python -m backend.supervisor RUN_DIR`."""

import sys

from backend.supervisor.program import main

sys.exit(main(sys.argv[1:]))
