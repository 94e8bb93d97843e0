"""Settings, logs, metrics, the console, the life of a process; imports schemas."""
