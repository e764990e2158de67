"""The figures of a fleet: what is measured, and what it is called outside.

It reads nothing and hands nothing out; that is done by `ledger.figures` and by
`producer.metrics`.
"""
