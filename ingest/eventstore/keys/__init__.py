"""Who is which record, and the keys that seal it; imports tables and runtime."""
