"""`histoire record`: what a person, a professional or software of identity says of a record."""
