"""Adapters to Apache Kafka: the queue of a fleet of processors, and its topics."""
