"""What the feed carries and answers, as typed dicts; imports forms."""
