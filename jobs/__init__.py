"""What a job is: the nouns, the rules about them, and the doors to the world.

One word has one meaning, here and in the code, the command line, logs and reports:

manifest
    the file a person writes: CSV, YAML or JSONL
row
    one record of it, with its place (file, line, column)
job
    a row that passed validation: a model, its inputs, a price, an id unique in its
    batch
batch
    the jobs of one manifest, with a budget, a priority and a store prefix
attempt
    one paid submission of a job; a job may need several
prediction
    the provider's record of an attempt (their word), known by its id
video
    the file that is kept
poster
    a still picture of a video, kept beside it
label
    a name and a value that a person gives a batch, to sum batches by
ledger
    our durable record of batches, jobs and attempts, in Redis
permit
    leave to start one attempt now: a rate token, a concurrency slot and reserved
    budget, granted together
account
    one API key at the provider, with its two limits; limits and cooldowns belong to
    it, not to a batch

Everything here is pure, that is, it reads no clock, no environment, no randomness and
no network, except the doors: `ledger` (the only module that knows Redis keys),
`broker` (the only one that builds the Celery app), `storage` (the only one that knows
where videos are kept) and `settings` (the only one that reads the environment).

What everybody needs lies here beside them; the rest has a room for each noun, and no
two rooms need each other:

catalogue
    which models there are, what their inputs may be, what they take and cost
manifest
    how rows become jobs, with templates and exports of shops
attempt
    what is asked of the provider, and what follows from what it says
pace
    limits, waits and looks, and how long it all takes
batch
    labels, schedules and tellings
rebuilding
    how a lost ledger is filled again
fleet
    the figures of all processes together
report
    what became of each row, what it cost, and the provider's invoice beside it
"""
