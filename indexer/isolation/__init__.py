"""Untrusted files are read in processes of their own, so that each can only harm itself.

    child.py    the parent's side: one reading process, a question and an answer at a time
    worker.py   the child's side: reads the file it is told, and answers
    wire.py     the answer as bytes: plain JSON, checked before anything in it is believed
    limits.py   what one file may cost, and how a child is held to it
    ahead.py    several children at once: documents in order, ahead of whoever consumes them

A child is started as a new interpreter (never forked), reads many files, and is replaced when one
kills it. A file that breaks its reader costs itself: it is listed with the reason.

Nothing is imported here: a child loads worker.py and must stay light.
"""
