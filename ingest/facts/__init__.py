"""Messages, events, documents, records, access and identities as values, and the view that
decisions have of them; imports schemas.
"""
