"""Aurora Logs: RDS and Aurora logs, read straight from the RDS API, every record once, with proof."""

__version__ = "0.1.0"
