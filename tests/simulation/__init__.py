"""The real worker on virtual time: faults from a seed, and what must hold anyway.

Dispatcher, tasks, ledger scripts and the provider's client are the product's own, and
the ledger's server is a real one. Network, broker, threads and clocks are simulated, so
a run of hours takes seconds, and its seed replays it step by step.
"""
