"""From what a person wrote to jobs, and what is wrong with it.

`planning` takes each row through the other modules: whose column feeds what, what is
filled in, what the row and its video are called. How files are read is the producer's.
"""
