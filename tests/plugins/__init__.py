"""What pytest is taught for this project: seeds, parts that may be missing, tests run again."""
