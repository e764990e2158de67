"""The report of a batch: what became of each row, what it cost, what to do next.

`document` adds everything up once; the others show it: `page` to a browser, `sheet` to
a spreadsheet, `failed` as a manifest of what is to be done again. All of it is pure;
`files` says which of them are kept beside the videos.
"""
