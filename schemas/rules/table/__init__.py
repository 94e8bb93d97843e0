"""The table of rules: codes, sentences, severities, and its page; imports nothing of ours."""
