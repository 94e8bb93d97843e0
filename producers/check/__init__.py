"""`histoire check`: which rules files break, and what else their maker should know.

Nothing is sent, and no feed, database or network is needed. Ingestion rejects a message for the
first broken rule; a check finds all of them. The room imports send, cda, hl7v2 and schemas.
"""
