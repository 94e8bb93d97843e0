"""Rights at the broker: a table of software, the rights it gives, the command that applies them.

It imports the feed and the runtime.
"""
