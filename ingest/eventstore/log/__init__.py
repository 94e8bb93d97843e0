"""The log of events: what one batch appends, how it is written and read; imports keys,
runtime and schemas.
"""
