"""The migrations as files, checksummed: never changed; nothing here imports."""
