"""What can be read from a statement's text alone: tokens, fingerprint, summary, redaction; no records, no I/O."""
