"""Everything on one machine: SQLite, files and DuckDB under DATA_DIR; no vendor service is needed."""
