"""The distributed product on this machine: strangers (RDS, OpenObserve), Kafka, DynamoDB, and replicas that are killed.

The demo and the tests of several replicas share it. Everything is a process of its own; nothing is imported from the simulator.
"""
