"""Prometheus: keeps the values of the catalogue and prints them as its text form."""
