"""Shapes of messages, outcomes and notifications, as typed dicts; imports nothing of ours."""
