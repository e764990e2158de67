"""The report of a batch: what became of each row, what it cost, what to do next.

`document` goes through the jobs once, and `sums`, `timeline`, `times` and `reasons` add
them up; what each key means stands in `report.schema.json`. The others show it: `page`
to a browser, `sheet` to a spreadsheet, `failed` as a manifest of what is to be done
again, `markdown` to a ticket. `statement` sums up the batches of a time. All
of it is pure; `files` says which of them are kept beside the videos.
"""
