"""Who asks: the command line, reading manifests, looking at pictures, enqueueing.

It decides what a person wants and says it to the ledger; it never speaks to the
provider for money, that is the worker's. It imports `jobs` and never `worker`.
"""
