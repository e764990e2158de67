"""Other ways to render a file of jobs, written as one would who knows the libraries.

`aiohttp_script` is a script: it keeps no record but the videos, and started again it
skips what has its video. `celery_retry` is a queue as its manual has it, whose broker
is its record. All read the manifest that reelmill
reads, put `ID.mp4` into a folder, and begin at the word `go`; see `starting`.
"""
