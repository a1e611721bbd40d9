"""`python -m aurora_logs` is `aurora-logs`."""

from aurora_logs.cli import main

main()
