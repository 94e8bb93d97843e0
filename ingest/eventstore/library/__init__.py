"""The log as the eventsourcing library sees it; imports the whole event store."""
