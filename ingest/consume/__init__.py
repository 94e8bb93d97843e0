"""The consumer: polls, has batches written, measures, stops itself; imports batch and what is
below.
"""
