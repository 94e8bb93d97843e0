"""Whole systems, killed and disturbed, and the checker that reads what they leave."""
