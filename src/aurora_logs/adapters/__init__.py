"""Adapters: one folder per other side (embedded, aws, ...), one file per port; vendor names live only here."""
