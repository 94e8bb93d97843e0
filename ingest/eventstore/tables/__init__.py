"""The tables beside the log: migrations, rights, positions of the feed, outcomes, counts of the
audit; imports runtime.
"""
