"""A person's history, as rows and as a reader sees it; imports access, and the root."""
