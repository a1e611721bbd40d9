"""`python -m aurora_logs_simulator`."""

import sys

from aurora_logs_simulator.cli import main

sys.exit(main())
