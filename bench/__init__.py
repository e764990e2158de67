"""How quick reelmill is and how much memory it takes: one module for each question.

`python -m bench QUESTION` answers one and prints the numbers; nothing here decides what
is good enough. A command is measured from outside, in a process of its own, as a person
would run it.
"""
