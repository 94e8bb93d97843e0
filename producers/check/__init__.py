"""`histoire check`: what ingestion would say of files, and what else their maker should know.

Nothing is sent and no feed, database or network is needed. Unlike ingestion, which answers with the
first rule that is broken, a check looks at all of them. The room imports send, cda, hl7v2 and
schemas.
"""
