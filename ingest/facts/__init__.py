"""Documents, records, access and identities as values, folded from events; imports schemas."""
