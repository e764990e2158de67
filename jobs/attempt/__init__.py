"""An attempt, from what is asked for to what comes of it.

What a job asks of the provider, under which links its pictures lie there, what follows
from an answer, whether a webhook is genuine, and whose a prediction is when an answer
was lost. Nothing here sends or keeps anything.
"""
