"""A stranger that speaks the RDS log API as boto3 and the AWS CLI see it, and shares no code with the product.

`scenario.build(scenario, clock)` makes a world: `world.api` has the operations as typed calls without sockets, threads or
a wall clock, `world.load.run_until` lets the databases write, `world.api.ledger_report` tells the truth about it.
`python -m aurora_logs_simulator serve` puts the same behind HTTP; `… faults` lists every planted fault with its cases.
"""
