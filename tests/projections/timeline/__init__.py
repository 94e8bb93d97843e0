"""The timeline of a patient."""
