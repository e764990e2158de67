"""A stand-in for the provider: same routes, prices, limits, history and faults.

It is run as `python -m sandbox`, costs nothing and needs no key. It is an independent
second reading of the provider's pages, imports nothing of `jobs`, `producer` or
`worker`, and keeps books of its own, so that a cost report can be compared with
something that does not share its mistakes. The pictures in `samples` were drawn for
this project.
"""
