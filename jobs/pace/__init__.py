"""How fast an account may go, when to look again, and when all is done.

Seconds, chances and limits as pure functions; who keeps to them, across all processes,
is the ledger.
"""
