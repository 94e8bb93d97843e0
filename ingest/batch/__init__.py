"""One batch: decided, put together, appended, answered; imports basis and what is below."""
