"""What a batch is besides its jobs.

Which names it has used and which labels it carries, when a schedule hands it over, and
what people are told when it comes to rest.
"""
