"""Settings, logs, metrics and the life of processes and databases."""
