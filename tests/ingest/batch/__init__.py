"""One batch, one transaction: what is stored, answered, raced and tried again."""
