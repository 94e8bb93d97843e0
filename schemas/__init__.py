"""The language: what is sent and stored, and the rules on both; it imports nothing of ours."""
