"""Who does: Celery tasks that submit, poll, collect, reconcile and finish.

`provider` is the only module that speaks to the provider, `files` the only one that
fetches videos. Every task is the same sandwich: load, decide (in `jobs`, pure), act
(one outside call), move.
"""
