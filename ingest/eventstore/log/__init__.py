"""The log of events: what one batch appends, how it is written and read; imports keys, tables and
runtime.
"""
