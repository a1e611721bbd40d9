"""What operators ask and repair: one module a chapter, pure use of ports and stages; commands and pages format it."""
