"""From records of the feed to messages, and how far each partition was read; imports facts, feed
and the store.
"""
