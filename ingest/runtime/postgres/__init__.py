"""PostgreSQL: where it is, its sessions, and the embedded server; imports runtime only."""
