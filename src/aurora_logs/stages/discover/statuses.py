"""Statuses of instances that decide what is listed: RDS's own (rds-log-api.md §8.4), and two of ours."""

DELETED = "deleted"  # RDS does not know the instance any more
EXCLUDED = "excluded"  # it is not to be collected
ENDING = ("deleting", "stopping")  # its logs are about to go: the most urgent work there is
SILENT = ("stopped", "creating", EXCLUDED)  # nothing can or shall be listed until that changes
