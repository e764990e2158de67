"""A stand-in for the provider that is made for speed, to measure clients with.

It speaks the provider's API as `sandbox` does but renders nothing, injects no fault and
checks no key: one asyncio protocol over httptools answers every request at once from
memory. How long a generation takes depends on the seed and the prompt alone, so that
whoever is measured gets the same times for the same jobs.
"""
