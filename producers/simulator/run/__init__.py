"""A run: planned messages encoded, paced, sent and kept in a ledger; imports every room of the
simulator.
"""
