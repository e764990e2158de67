"""The report of a batch, and the files that it consists of.

`document` makes the report, with the counts of `figures`, the advice of `next_steps`
and the billing of `invoice`; `page` and `sheet` show it. `statement` sums up the
batches of a time. None of it asks the ledger, the provider or the clock.
"""
