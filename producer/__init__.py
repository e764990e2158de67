"""The command line: reads manifests, checks images, enqueues batches, reports.

It imports `jobs` and never `worker`; only workers send paid requests.
"""
