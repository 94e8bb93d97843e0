"""The loop over the partitions, and how far it is behind."""
