"""The simulator: its plan, its messages, its CDAs, its faults."""
