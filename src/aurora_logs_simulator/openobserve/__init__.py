"""A stand-in for OpenObserve, as far as a sender of logs and its readers see it; it shares no code with the product.

`world.build(setup, clock, folder)` makes a server without sockets, threads or a wall clock: `world.answer(request)` is
one HTTP exchange, and the row store, the journal and the faults tell afterwards what really happened.
`python -m aurora_logs_simulator openobserve` puts it behind HTTP.
"""
