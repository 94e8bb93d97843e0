"""The tables beside the log: migrations, rights, positions, dead letters, outcomes; imports
runtime.
"""
