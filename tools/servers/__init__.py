"""Servers that tests and demos start on this machine: Apache Kafka and dynoxide; fetched, started, stopped. Standard library only."""
