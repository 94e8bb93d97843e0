"""Every rule of ingestion on one message, also after the first that is broken.

Imports the root and schemas.
"""
